/* A channel, after the name that its client gives to its connection. */
import { ChannelLink } from '../../components/basics';
import type { ChannelDetails } from './types';

export function ClientName({ channel }: { channel: ChannelDetails }) {
    return (
        <span class="client-name">
            {channel.user_provided_name && <strong class="cut" title={channel.user_provided_name}>{channel.user_provided_name}</strong>}
            <ChannelLink name={channel.name} />
        </span>
    );
}
