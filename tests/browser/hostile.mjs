// Names that do harm where they are taken for anything but text. Two are missing: one of dots alone is part of no address that a browser
// sends, which would go up a folder; a line's end is taken out of the names of queues and exchanges, as RabbitMQ does.
export const hostileNames = [
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '"><svg onload=alert(1)>',
    "it's \"quoted\" `back` \\slashed\\",
    '{{7*7}}${7*7}<%= 7 %>',
    'javascript:alert(1)',
    'a/b?c=d&e#f%2Fg%00',
    '%2F',
    '  leading and trailing  ',
    '🐇 order 🇩🇪 👩‍👩‍👧',
    'عربى right to left \u202Egnp.exe',
    'zalgo ẗ̸̛̗̰͈́̊o̶̢͚͌̂ and \u200Bzero\u200Bwidth',
    '__proto__',
    'constructor',
    '0',
    'null',
    'x'.repeat(255),
    `${'ü'.repeat(127)}!`,
    'tab\tin it',
];
