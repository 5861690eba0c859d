/* A policy's definition, to read. */
import { readableValue } from './policy_keys';

export { applyToText } from './policy_keys';

export function DefinitionList({ of }: { of: Record<string, unknown> }) {
    return (
        <ul class="plain-list">
            {Object.entries(of).map(([name, value]) => <li key={name} title={JSON.stringify(value)}><span class="muted">{name}</span> <code>{readableValue(name, value)}</code></li>)}
        </ul>
    );
}
