/* Messages that are typed: the fields, the request that publishes one, and a form of both. */
import { useState } from 'preact/hooks';

import { api, path } from '../lib/api';
import { reloadAll } from '../lib/resource';
import { ExchangeLink, Notice, Segmented } from './basics';
import { Checkbox, Field, Form, type Pair, Pairs, TextArea, TextInput, valuesOf } from './form';

/* The properties that a client may set, with the types of their values. */
const known: Record<string, Pair['type']> = {
    content_type: 'string',
    content_encoding: 'string',
    priority: 'number',
    correlation_id: 'string',
    reply_to: 'string',
    expiration: 'string',
    message_id: 'string',
    timestamp: 'number',
    type: 'string',
    user_id: 'string',
    app_id: 'string',
};

const encodings = [['text', 'Text'], ['json', 'JSON'], ['base64', 'Base64']] as const;

export interface Draft {
    payload: string;
    encoding: 'text' | 'json' | 'base64';
    isPersistent: boolean;
    properties: Pair[];
    headers: Pair[];
}

export const emptyDraft: Draft = { payload: '', encoding: 'text', isPersistent: true, properties: [], headers: [] };

/* What a draft says, as the API takes it. JSON is checked, and its content type is set unless another one is given. */
function messageOf(draft: Draft): Record<string, unknown> {
    if (draft.encoding === 'json') {
        try {
            JSON.parse(draft.payload);
        } catch (error) {
            throw new Error(`The payload is not JSON: ${error instanceof Error ? error.message : String(error)}`);
        }
    }
    const headers = valuesOf(draft.headers);
    return {
        payload: draft.encoding === 'base64' ? draft.payload.replace(/\s/g, '') : draft.payload,
        payload_encoding: draft.encoding === 'base64' ? 'base64' : 'string',
        properties: {
            delivery_mode: draft.isPersistent ? 2 : 1,
            ...(draft.encoding === 'json' ? { content_type: 'application/json' } : {}),
            ...valuesOf(draft.properties),
            ...(Object.keys(headers).length > 0 ? { headers } : {}),
        },
    };
}

/* Publishes a draft to an exchange; '' is the default one. Returns whether a queue took it; throws the refusal, or an
 * Error that says which field is wrong. */
export async function publish(vhost: string, exchange: string, key: string, draft: Draft): Promise<boolean> {
    const { routed } = await api.post<{ routed: boolean }>(path`/exchanges/${vhost}/${exchange || 'amq.default'}/publish`, {
        routing_key: key,
        ...messageOf(draft),
    });
    reloadAll();
    return routed;
}

interface FieldsProps { draft: Draft; change: (part: Partial<Draft>) => void }

export function PayloadFields({ draft, change }: FieldsProps) {
    return (
        <>
            <div class="field">
                <div class="row"><span class="label">Payload</span><Segmented label="The payload is written as" value={draft.encoding} choices={encodings} onChange={(encoding) => change({ encoding })} /></div>
                <TextArea label="Payload" value={draft.payload} onChange={(payload) => change({ payload })} rows={8} />
            </div>
            <Checkbox label="Persistent: on disk in a durable queue" checked={draft.isPersistent} onChange={(isPersistent) => change({ isPersistent })} />
            <Pairs label="Properties" pairs={draft.properties} onChange={(properties) => change({ properties })} known={known} add="Add a property" />
        </>
    );
}

export function HeaderFields({ draft, change }: FieldsProps) {
    return <Pairs label="Headers" pairs={draft.headers} onChange={(headers) => change({ headers })} add="Add a header" />;
}

/* Publishes to an exchange; '' is the default one. With `fixedKey` the routing key is not asked for. */
export function PublishForm({ vhost, exchange, fixedKey, onPublished }: {
    vhost: string; exchange: string; fixedKey?: string; onPublished?: () => void;
}) {
    const [key, setKey] = useState('');
    const [draft, setDraft] = useState(emptyDraft);
    const [result, setResult] = useState<{ isRouted: boolean; times: number } | undefined>();
    const change = (part: Partial<Draft>) => setDraft((old) => ({ ...old, ...part }));
    const send = async () => {
        setResult((old) => (old?.isRouted ? old : undefined));
        const isRouted = await publish(vhost, exchange, fixedKey ?? key, draft);
        setResult((old) => ({ isRouted, times: old?.isRouted && isRouted ? old.times + 1 : 1 }));
        onPublished?.();
    };
    return (
        <Form verb="Publish" onSend={send}>
            {fixedKey === undefined && <Field label="Routing key"><TextInput value={key} onChange={setKey} /></Field>}
            <PayloadFields draft={draft} change={change} />
            <HeaderFields draft={draft} change={change} />
            {result && (result.isRouted
                ? <Notice kind="good">Published{result.times > 1 && `, ${result.times} times`}: every queue that it was routed to has it.</Notice>
                : <Notice kind="warn">Nowhere to go: no binding of <ExchangeLink vhost={vhost} name={exchange} /> matches, so the message is gone.</Notice>)}
        </Form>
    );
}
