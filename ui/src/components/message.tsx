/* A message: where it was published, its properties and headers, what it has died of, its payload. */
import type { ComponentChildren } from 'preact';

import { bytes, count, duration, exchangeName, moment, NOTHING, number } from '../lib/format';
import { Badge, ExchangeLink, Facts, Name, QueueLink, Table } from './basics';
import { Payload } from './payload';
import './message.css';

/* As browsing and getting show it. Properties are [] if there are none. */
export interface Message {
    position?: number; /* from 0; people see it from 1 */
    state?: string; /* ready, unacked, dead_letter */
    location?: string; /* memory, disk */
    payload_bytes: number;
    redelivered: boolean;
    exchange: string;
    routing_key: string;
    properties: Record<string, unknown> | [];
    payload: string;
    payload_encoding: string;
    message_count?: number;
}

interface Death {
    reason: string;
    queue: string;
    exchange: string;
    count?: number;
    time?: number; /* seconds since 1970 */
    'routing-keys'?: string[];
    'original-expiration'?: string;
}

const reasons: Record<string, string> = {
    rejected: 'rejected by a consumer',
    expired: 'expired',
    maxlen: 'the queue was full',
    delivery_limit: 'returned too often',
};

export function propertiesOf(message: Message): Record<string, unknown> {
    return Array.isArray(message.properties) ? {} : message.properties;
}

export function headersOf(message: Message): Record<string, unknown> {
    return (propertiesOf(message)['headers'] ?? {}) as Record<string, unknown>;
}

/* What x-death says. Clients can publish it, too: what is not as the broker writes it is left out. */
export function deathsOf(message: Message): Death[] {
    const deaths = headersOf(message)['x-death'];
    const isDeath = (one: Partial<Death> | null) => [one?.reason, one?.queue, one?.exchange].every((name) => typeof name === 'string');
    return Array.isArray(deaths) ? deaths.filter(isDeath) : [];
}

/* The deaths of a dead letter, the newest first. */
function Deaths({ deaths, vhost }: { deaths: Death[]; vhost: string }) {
    return (
        <ol class="deaths">
            {deaths.map((death, i) => (
                <li key={i}>
                    <div><strong>{reasons[death.reason] ?? death.reason}</strong>{typeof death.count === 'number' && death.count > 1 && <> {count(death.count, 'time')}</>} in <QueueLink vhost={vhost} name={death.queue} /></div>
                    <div class="muted small">
                        {typeof death.time === 'number' && <>{moment(death.time * 1000)}; </>}
                        published to <ExchangeLink vhost={vhost} name={death.exchange} />
                        {Array.isArray(death['routing-keys']) && <> with <code>{death['routing-keys'].join(', ')}</code></>}
                        {death['original-expiration'] !== undefined && <>; its expiration was {duration(Number(death['original-expiration']))}</>}
                    </div>
                </li>
            ))}
        </ol>
    );
}

/* How a property is read by people. */
function propertyText(name: string, value: unknown): ComponentChildren {
    if (name === 'delivery_mode') return value === 2 ? 'persistent (2)' : `transient (${String(value)})`;
    /* Some clients write milliseconds or less, which may be no date. */
    if (name === 'timestamp' && typeof value === 'number') return [moment(value * 1000), `(${value})`].filter((part) => part !== NOTHING).join(' ');
    if (name === 'expiration') return `${duration(Number(value))} (${String(value)})`;
    return <code>{String(value)}</code>;
}

/* Headers that x-death says better. */
const ofDeaths = /^x-(first|last)-death-(queue|exchange|reason)$/;

export function MessageDetails({ message, vhost, onMore }: { message: Message; vhost: string; onMore?: (() => void) | undefined }) {
    const { headers: _, ...properties } = propertiesOf(message);
    const deaths = deathsOf(message);
    const headers = Object.fromEntries(Object.entries(headersOf(message)).filter(([name]) => deaths.length === 0 || (name !== 'x-death' && !ofDeaths.test(name))));
    return (
        <div class="message-details">
            <Payload payload={message.payload} encoding={message.payload_encoding} total={message.payload_bytes} onMore={onMore} />
            <div class="columns">
                <div>
                    <h3>Properties</h3>
                    <Facts rows={[
                        ['exchange', <ExchangeLink vhost={vhost} name={message.exchange} />],
                        ['stored', message.location === undefined ? undefined : message.location === 'disk' ? 'on disk alone' : 'in memory'],
                        ['routing key', message.routing_key === '' ? '' : <code>{message.routing_key}</code>],
                        ...Object.entries(properties).map(([name, value]) => [name.replace(/_/g, ' '), propertyText(name, value)] as [string, ComponentChildren]),
                    ]} />
                </div>
                <div>
                    <h3>Headers</h3>
                    <Table of={headers} />
                    {deaths.length > 0 && <><h3>Why it is a dead letter</h3><Deaths deaths={deaths} vhost={vhost} /></>}
                </div>
            </div>
        </div>
    );
}

/* The first letters of a payload, on one line. */
function beginning(message: Message): string {
    if (message.payload_bytes === 0) return '(empty)';
    if (message.payload_encoding === 'base64') return '(binary)';
    return message.payload.slice(0, 300).replace(/\s+/g, ' ');
}

/* A message as a line that opens. */
export function MessageRow({ message, vhost, isOpen, onToggle, onMore, badge }: {
    message: Message; vhost: string; isOpen: boolean; onToggle: (isOpen: boolean) => void; onMore?: () => void; badge?: ComponentChildren;
}) {
    const deaths = deathsOf(message);
    return (
        <details class="message" open={isOpen} onToggle={(event) => { if (event.currentTarget.open !== isOpen) onToggle(event.currentTarget.open); }}>
            <summary>
                <span class="place">{message.position === undefined ? '' : number(message.position + 1)}</span>
                <span class="key"><Name text={message.routing_key || exchangeName(message.exchange)} /></span>
                <span class="beginning cut">{beginning(message)}</span>
                <span class="badges">
                    {badge}
                    {message.state && message.state !== 'ready' && <Badge kind={message.state === 'unacked' ? 'info' : 'warn'}>{message.state.replace('_', ' ')}</Badge>}
                    {deaths[0] && <Badge kind="warn" title={`${reasons[deaths[0].reason] ?? deaths[0].reason}, in ${deaths[0].queue}`}>{deaths[0].reason}</Badge>}
                    {message.redelivered && <Badge title="It was delivered before, and came back">redelivered</Badge>}
                </span>
                <span class="size">{bytes(message.payload_bytes)}</span>
            </summary>
            {isOpen && <MessageDetails message={message} vhost={vhost} onMore={onMore} />}
        </details>
    );
}
