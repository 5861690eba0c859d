/* The page that asks who one is. */
import { useState } from 'preact/hooks';

import { Button, Notice, Refusal } from '../components/basics';
import { Field, Form, TextInput } from '../components/form';
import { ApiError } from '../lib/api';
import { goToProvider, type Provider } from '../lib/oauth';
import { useResource } from '../lib/resource';
import { logIn, session } from '../lib/session';
import { useStore } from '../lib/store';

async function logInOrSay(user: string, password: string): Promise<void> {
    try {
        await logIn(user, password);
    } catch (error) {
        if (error instanceof ApiError && error.status === 401)
            throw new Error('This user and password are not accepted, or the user has no tag that lets it in here (management, monitoring, policymaker, administrator).');
        throw error;
    }
}

/* Logs in at the provider of tokens that the broker names. */
function ProviderLogin({ provider, isOnly }: { provider: Provider; isOnly: boolean }) {
    const [error, setError] = useState<unknown>();
    const [isGoing, setGoing] = useState(false);
    const go = () => {
        setGoing(true);
        setError(undefined);
        goToProvider(provider).catch((failure: unknown) => {
            setError(failure);
            setGoing(false);
        });
    };
    return (
        <div class="provider">
            {!isOnly && <p class="or muted small">or</p>}
            <Button {...(isOnly ? { kind: 'primary' as const } : {})} disabled={isGoing} onClick={go}>Log in with single sign-on</Button>
            <p class="muted small cut" title={provider.oauth_provider_url}>at {provider.oauth_provider_url}</p>
            <Refusal error={error} />
        </div>
    );
}

function PasswordLogin() {
    const [user, setUser] = useState('');
    const [password, setPassword] = useState('');
    return (
        <Form verb="Log in" onSend={() => logInOrSay(user, password)}>
            <Field label="User"><TextInput value={user} onChange={setUser} autocomplete="username" autofocus required /></Field>
            <Field label="Password"><TextInput type="password" value={password} onChange={setPassword} autocomplete="current-password" /></Field>
        </Form>
    );
}

export function LoginPage() {
    const { note } = useStore(session);
    const { data: provider, error } = useResource<Provider>('/auth', { every: 0 });
    const hasProvider = !!provider?.oauth_enabled;
    const hasPassword = (provider && !(hasProvider && provider.oauth_disable_basic_auth)) || !!error;
    document.title = 'Log in · Leveret';
    return (
        <main class="login">
            <div class="panel">
                <h1 class="brand"><img src="./icon.svg" alt="" />Leveret</h1>
                <div class="stack">
                    {note && <Notice>{note}</Notice>}
                    {hasPassword && <PasswordLogin />}
                    {hasProvider && <ProviderLogin provider={provider} isOnly={!hasPassword} />}
                </div>
            </div>
        </main>
    );
}
