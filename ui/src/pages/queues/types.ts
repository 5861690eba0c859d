/* Queues and what belongs to them, as the API shows them. Numbers of messages are missing while a
 * queue's messages are still being read after a start. */
import type { Samples } from '../../components/chart';

export type Details = Samples;

export type Stats = {
    [name: string]: number | Details | undefined;
};

export interface Queue {
    name: string;
    vhost: string;
    type: string;
    state: string; /* running, recovering, stopped */
    node: string;
    durable: boolean;
    auto_delete: boolean;
    exclusive: boolean;
    arguments: Record<string, unknown>;
    policy: string | null;
    operator_policy: string | null;
    effective_policy_definition: Record<string, unknown>;
    messages?: number;
    messages_ready?: number;
    messages_unacknowledged?: number;
    messages_persistent?: number;
    messages_ram?: number;
    messages_paged_out?: number;
    messages_dlx?: number;
    messages_details?: Details;
    messages_ready_details?: Details;
    messages_unacknowledged_details?: Details;
    message_bytes?: number;
    message_bytes_ready?: number;
    message_bytes_unacknowledged?: number;
    message_bytes_persistent?: number;
    message_bytes_ram?: number;
    message_bytes_paged_out?: number;
    message_bytes_dlx?: number;
    memory?: number;
    consumers?: number;
    consumer_utilisation?: number;
    idle_since?: string;
    head_message_timestamp?: number | null;
    exclusive_consumer_tag?: string | null;
    single_active_consumer_tag?: string | null;
    single_active_consumer_ctag?: string | null;
    message_stats?: Stats;
    consumer_details?: Consumer[];
    deliveries?: Delivery[];
}

export interface ChannelDetails {
    name: string;
    number: number;
    connection_name: string;
    peer_host: string;
    peer_port: number;
    user: string;
    user_provided_name?: string; /* what the client calls its connection */
}

export interface Consumer {
    consumer_tag: string;
    ack_required: boolean;
    active: boolean;
    activity_status: string;
    exclusive: boolean;
    prefetch_count: number;
    messages_unacknowledged: number; /* what it holds */
    arguments: Record<string, unknown>;
    channel_details: ChannelDetails;
}

export interface Delivery {
    channel_details: ChannelDetails;
    stats: Stats;
}

export interface Binding {
    source: string;
    vhost: string;
    destination: string;
    routing_key: string;
    arguments: Record<string, unknown>;
    properties_key: string;
}

/* A key of a queue's settings, with the value in force and where it comes from. */
export interface Setting {
    key: string;
    value: unknown;
    source: 'argument' | 'policy' | 'operator_policy' | 'default';
    has_effect: boolean;
    argument?: unknown;
    policy?: { name: string; value: unknown };
    operator_policy?: { name: string; value: unknown };
}

/* Messages in each second; 0 if the queue has none of these. */
export function rateOf(queue: Queue, name: string): number {
    const details = queue.message_stats?.[`${name}_details`];
    return typeof details === 'object' ? (details.rate ?? 0) : 0;
}

export function samplesOf(queue: Queue, name: string): Details | undefined {
    const details = queue.message_stats?.[`${name}_details`];
    return typeof details === 'object' ? details : undefined;
}
