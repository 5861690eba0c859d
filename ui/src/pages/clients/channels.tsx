/* All channels. */
import { Empty, PageHead } from '../../components/basics';
import { ServerList } from '../../components/list';
import { path } from '../../lib/api';
import { may } from '../../lib/session';
import { useVhost } from '../../lib/vhost';
import { channelColumns, type Channel } from './channel_columns';
import { NothingOwn } from './parts';

export default function ChannelsPage() {
    const vhost = useVhost();
    return (
        <>
            <PageHead title="Channels" />
            <ServerList<Channel> key={vhost} id="channels" noun="channels" filterBy="name or address" path={vhost ? path`/vhosts/${vhost}/channels` : '/channels'} fields={['name']}
                columns={channelColumns(vhost ? ['vhost'] : [])} rowKey={(row) => row.name}
                empty={!may.monitor() ? <NothingOwn noun="channels" /> : <Empty title="There is no channel">A client opens channels on its connection, and publishes and consumes on them.</Empty>} />
        </>
    );
}
