/* The name of the cluster, which clients are told. */
import { useState } from 'preact/hooks';

import { PageHead, Panel, Waiting } from '../../components/basics';
import { toast } from '../../components/dialog';
import { Field, Form, TextInput } from '../../components/form';
import { api } from '../../lib/api';
import { useResource } from '../../lib/resource';
import { may } from '../../lib/session';
import { NodeTabs } from './parts';

function NameForm({ name, onDone }: { name: string; onDone: () => void }) {
    const [typed, setTyped] = useState(name);
    const send = async () => {
        await api.put('/cluster-name', { name: typed });
        toast(`The cluster is called ${typed}.`);
        onDone();
    };
    return (
        <Form verb="Set the name" onSend={send} isReady={typed !== '' && typed !== name}>
            <Field label="Name" hint="Clients get it when they connect, and monitoring shows it. Open connections keep the old one."><TextInput value={typed} onChange={setTyped} /></Field>
        </Form>
    );
}

export default function ClusterNamePage() {
    const name = useResource<{ name: string }>('/cluster-name', { every: 0, keeps: true });
    return (
        <>
            <PageHead title="Cluster name" />
            {may.administrate() && <NodeTabs current="cluster-name" />}
            {!name.data ? <Waiting for={name} what="name" />
                : <Panel>{may.administrate() ? <NameForm key={name.data.name} name={name.data.name} onDone={name.reload} /> : <p>{name.data.name}</p>}</Panel>}
        </>
    );
}
