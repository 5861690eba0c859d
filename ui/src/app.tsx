/* The page as a whole: who is logged in, and which page the address names. */
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import { Empty, Loading, PageHead } from './components/basics';
import { messageOf } from './lib/api';
import { finishLogin } from './lib/oauth';
import type { PageProps } from './lib/page';
import { href, pageKey, useRoute } from './lib/router';
import { findUser, refuseLogin, session } from './lib/session';
import { useStore } from './lib/store';
import { LoginPage } from './pages/login';
import { findRoute } from './routes';
import { Shell } from './shell/shell';

const RETRY_MS = 2000;

/* Pages whose code has been loaded. */
const loaded = new Map<string, ComponentType<PageProps>>();

function Page() {
    const { path } = useRoute();
    const route = findRoute(path);
    const [, draw] = useState(0);
    const [error, setError] = useState('');
    const pattern = route?.pattern;
    useEffect(() => {
        if (!route || loaded.has(route.pattern)) return;
        let isWanted = true;
        setError('');
        const load = () => void route.load().then(
            (module) => {
                loaded.set(route.pattern, module.default);
                if (isWanted) draw((n) => n + 1);
            },
            () => {
                if (!isWanted) return;
                setError('The page cannot be loaded: the broker does not answer, or was replaced by another version.');
                window.setTimeout(() => isWanted && load(), RETRY_MS);
            },
        );
        load();
        return () => { isWanted = false; };
    }, [pattern]);
    if (!route) {
        return (
            <>
                <PageHead title="No such page" />
                <Empty title="There is no page at this address."><a href={href([])}>Go to the overview</a></Empty>
            </>
        );
    }
    const Content = loaded.get(route.pattern);
    if (Content) return <Content key={pageKey(path)} params={route.params} />;
    return error ? <Empty title={error}><button type="button" class="button" onClick={() => location.reload()}>Load it anew</button></Empty> : <Loading />;
}

export function App() {
    const { state } = useStore(session);
    const [error, setError] = useState('');
    useEffect(() => {
        if (state !== 'unknown') return;
        let isWanted = true;
        const begin = async () => {
            const refusal = await finishLogin();
            if (refusal !== '') refuseLogin(refusal);
            else if (session.get().state === 'unknown') await findUser();
        };
        const ask = () => begin().catch((failure: unknown) => {
            if (!isWanted) return;
            setError(messageOf(failure));
            window.setTimeout(ask, RETRY_MS);
        });
        void ask();
        return () => { isWanted = false; };
    }, [state]);
    if (state === 'unknown') return error ? <Empty title={error}>It is asked again every few seconds.</Empty> : <Loading />;
    return state === 'out' ? <LoginPage /> : <Shell><Page /></Shell>;
}
