/* All consumers. */
import { Empty, PageHead } from '../../components/basics';
import { ServerList } from '../../components/list';
import { path } from '../../lib/api';
import { may } from '../../lib/session';
import { useVhost } from '../../lib/vhost';
import { consumerColumns, consumerFields, consumerKey, NothingOwn, type Consumer } from './parts';

export default function ConsumersPage() {
    const vhost = useVhost();
    return (
        <>
            <PageHead title="Consumers" />
            <ServerList<Consumer> key={vhost} id="consumers" noun="consumers" filterBy="tag, queue or client" path={vhost ? path`/consumers/${vhost}` : '/consumers'} fields={consumerFields}
                columns={consumerColumns(vhost ? ['vhost'] : [], true)} rowKey={consumerKey}
                empty={!may.monitor() ? <NothingOwn noun="consumers" /> : <Empty title="There is no consumer">A client consumes with basic.consume on a channel. Messages wait in their queues until somebody does.</Empty>} />
        </>
    );
}
