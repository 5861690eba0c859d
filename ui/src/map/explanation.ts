/* The message that is asked about, which the address describes, and the broker's explanation of where it would go. */
import { useMemo } from 'preact/hooks';

import type { Explanation } from '../components/route';
import { api, path } from '../lib/api';
import { parseJson } from '../lib/json';
import { useAnswer } from '../lib/resource';
import { href, navigate, setQuery, useRoute } from '../lib/router';
import { idsOf, placeSteps } from './route';

export interface Message { exchange: string; key: string; headers: Record<string, unknown>; cc: string[] }

const noMessage = { exchange: null, key: null, headers: null, cc: null, ask: null };

function parsed<T>(text: string | null, instead: T): T {
    try {
        return text === null ? instead : (parseJson(text) as T);
    } catch {
        return instead;
    }
}

/* The message in the address, or undefined. */
function useMessage(): Message | undefined {
    const { query } = useRoute();
    const text = ['exchange', 'key', 'headers', 'cc'].map((name) => query.get(name) ?? '').join('\n');
    return useMemo(() => {
        const exchange = query.get('exchange');
        if (exchange === null) return undefined;
        const cc = parsed<unknown>(query.get('cc'), []);
        return {
            exchange: exchange === 'amq.default' ? '' : exchange,
            key: query.get('key') ?? '',
            headers: parsed<Record<string, unknown>>(query.get('headers'), {}),
            cc: Array.isArray(cc) ? cc.filter((one): one is string => typeof one === 'string') : [],
        };
    }, [text]);
}

/* The explanation is asked for once the message has a key, or `ask` says so. */
export function useExplanation(vhost: string) {
    const { query } = useRoute();
    const message = useMessage();
    const isAsked = message !== undefined && (query.has('ask') || query.has('key'));
    const answer = useAnswer<Explanation>(
        message && isAsked ? `${vhost}\n${JSON.stringify(message)}` : null,
        () => api.post<Explanation>(path`/exchanges/${vhost}/${message!.exchange || 'amq.default'}/explain`, { routing_key: message!.key, headers: message!.headers, cc: message!.cc }),
        { every: 0 },
    );
    const explanation = isAsked ? answer.data : undefined;
    const steps = useMemo(() => (message && explanation ? placeSteps(message.exchange, explanation.steps) : []), [message, explanation]);
    const ids = useMemo(() => (message && explanation ? idsOf(message.exchange, steps) : new Set<string>()), [message, explanation, steps]);
    return {
        message, explanation, steps,
        ids, /* of all that the route goes by */
        error: isAsked ? answer.error : undefined,
        /* Begins with a message to this exchange. */
        begin: (exchange: string) => setQuery({ ...noMessage, exchange: exchange || 'amq.default', at: null }, false),
        end: () => setQuery(noMessage, false),
        ask({ exchange, key, headers, cc }: Message) {
            const to = href(['map', vhost], {
                ...Object.fromEntries(query), exchange: exchange || 'amq.default', key, ask: 1,
                headers: Object.keys(headers).length > 0 ? JSON.stringify(headers) : null, cc: cc.length > 0 ? JSON.stringify(cc) : null,
            });
            if (to === location.hash) answer.reload();
            else navigate(to);
        },
    };
}
