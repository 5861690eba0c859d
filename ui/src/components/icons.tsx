/* Pictures of 16 by 16, drawn with lines in the colour of the text beside them. */
const lines = {
    overview: 'M2.5 2.5h4.5v5.5h-4.5zM9 2.5h4.5v3H9zM9 8h4.5v5.5H9zM2.5 10.5h4.5v3h-4.5z',
    map: 'M4 5.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM4 13.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM12 9.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM5.4 4.7 10.6 7.3M5.4 11.3 10.6 8.7',
    doctor: 'M8 13.3 3.2 8.4a2.9 2.9 0 0 1 4.1-4.1L8 5l.7-.7a2.9 2.9 0 0 1 4.1 4.1zM2 8h3l1.2-2 1.8 4 1.3-2H14',
    connections: 'M6 2.500v3M10 2.500v3M4.5 5.500h7v2.500a3.5 3.5 0 0 1-7 0zM8 11.500v2',
    channels: 'M2.5 5h11M2.5 8h11M2.5 11h11',
    exchanges: 'M2.5 5h9l-2-2M13.5 11h-9l2 2',
    queues: 'M3 4v8M6.3 4v8M9.7 4v8M13 4v8',
    consumers: 'M2.5 8h8M7.5 5l3 3-3 3M13.5 3.500v9',
    life: 'M4 2.500v11M4 4h0M4 8h0M4 12h0M7 4h6M7 8h4.500M7 12h6',
    logs: 'M3 3.500h10M3 6.500h7M3 9.500h10M3 12.500h5',
    node: 'M2.5 3.500h11v3.500h-11zM2.5 9h11v3.500h-11zM5 5.200h0M5 10.700h0',
    users: 'M8 8a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM3 13.500c.5-2.5 2.5-3.5 5-3.500s4.5 1 5 3.5',
    vhosts: 'M8 2.2 13.5 5 8 7.8 2.5 5zM2.5 8 8 10.8 13.5 8M2.5 11 8 13.8 13.5 11',
    policies: 'M8 2l5 2v4c0 3-2 5-5 6-3-1-5-3-5-6V4zM6 8l1.5 1.500L10.5 6.5',
    limits: 'M2.5 11a5.5 5.5 0 0 1 11 0M8 11l2.5-3.5',
    parameters: 'M3 4.500h6M12 4.500h1M3 11.500h1M7 11.500h6M10.5 3v3M5.5 10v3',
    definitions: 'M4 2.500h5l3 3v8H4zM9 2.500v3h3M6 8.500h4M6 11h4',
    config: 'M5.5 4 2.5 8l3 4M10.5 4l3 4-3 4',
    search: 'M7 11.500a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.5 10.5 13.5 13.5',
    menu: 'M2.5 4.500h11M2.5 8h11M2.5 11.500h11',
    close: 'M4 4l8 8M12 4l-8 8',
    plus: 'M8 3v10M3 8h10',
    minus: 'M3 8h10',
    fit: 'M6 2.500H2.500V6M10 2.500h3.500V6M6 13.500H2.500V10M10 13.500h3.500V10',
    route: 'M3 12.500h4a2 2 0 0 0 2-2v-4a2 2 0 0 1 2-2h2.500M11 2 13.500 4.500 11 7M3 12.500h0',
    sun: 'M8 10.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8 1.500v1.500M8 13v1.500M1.5 8H3M13 8h1.500M3.4 3.400l1 1M11.6 11.600l1 1M12.6 3.400l-1 1M4.4 11.600l-1 1',
    moon: 'M13 9.500A5.5 5.5 0 1 1 6.5 3a4.5 4.5 0 0 0 6.5 6.500z',
    pause: 'M5.5 3.500v9M10.5 3.500v9',
    play: 'M5 3.5 12 8l-7 4.500z',
    columns: 'M2.5 3.500h11v9h-11zM6.2 3.500v9M9.8 3.500v9',
    refresh: 'M13 8a5 5 0 1 1-1.5-3.500M13 2.500v2.500h-2.5',
    external: 'M6.5 3.500h-3v9h9v-3M9 2.500h4.500V7M13.5 2.5 7.5 8.5',
    warning: 'M8 2.5 14 13H2zM8 6.500v3M8 11.300h0',
    check: 'M3 8.5 6.5 12 13 4.5',
    info: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.500V11M8 5.200h0',
} as const;

export type IconName = keyof typeof lines;

export function Icon({ name }: { name: IconName }) {
    return (
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" fill="none" stroke="currentColor"
            stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round">
            <path d={lines[name]} />
        </svg>
    );
}
