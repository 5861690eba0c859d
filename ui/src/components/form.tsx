/* Fields of forms, and forms that send themselves. */
import { createContext, type ComponentChildren } from 'preact';
import { useContext, useEffect, useId, useRef, useState } from 'preact/hooks';

import { INTEGER, integerOf, parseJson } from '../lib/json';
import { Button, Refusal } from './basics';
import { CloseWindow } from './dialog';

/* What is said below a field, for its input: the id of the text, and whether the value is wrong. */
const Described = createContext<{ 'aria-describedby'?: string | undefined; 'aria-invalid'?: boolean }>({});

/* A label with a field below it, and a hint or what is wrong with the value: these describe the field,
 * and are no part of its name. */
export function Field({ label, hint, wrong, children }: {
    label: string; hint?: ComponentChildren; wrong?: string | undefined; children: ComponentChildren;
}) {
    const id = useId();
    const described = wrong ? { 'aria-describedby': id, 'aria-invalid': true } : hint ? { 'aria-describedby': id } : {};
    return (
        <div class="field">
            <label class="field">
                <span class="label">{label}</span>
                <Described.Provider value={described}>{children}</Described.Provider>
            </label>
            {wrong ? <span id={id} class="wrong" role="alert">{wrong}</span> : hint && <span id={id} class="hint">{hint}</span>}
        </div>
    );
}

interface TextProps {
    value: string;
    onChange: (value: string) => void;
    type?: 'text' | 'password' | 'number' | 'search';
    placeholder?: string;
    required?: boolean;
    autocomplete?: string;
    min?: number;
    list?: string;
    autofocus?: boolean;
    label?: string; /* for a field without a visible label */
}

export function TextInput({ onChange, type = 'text', autocomplete = 'off', label, ...rest }: TextProps) {
    const attributes = { ...rest, type: type as 'text', autocomplete, 'aria-label': label };
    return <input class="input" spellcheck={false} {...useContext(Described)} {...attributes} onInput={(event) => onChange(event.currentTarget.value)} />;
}

const TYPING_MS = 250;

/* A search: what is typed is handed on when typing pauses. It follows `value`, except while somebody types. */
export function SearchInput({ value, onSearch, ...rest }: { value: string; onSearch: (text: string) => void; label: string; placeholder: string }) {
    const [typed, setTyped] = useState(value);
    const timer = useRef(0); /* 0: nobody types */
    useEffect(() => { if (timer.current === 0) setTyped(value); }, [value]);
    useEffect(() => () => window.clearTimeout(timer.current), []);
    const type = (text: string) => {
        setTyped(text);
        window.clearTimeout(timer.current);
        timer.current = window.setTimeout(() => {
            timer.current = 0;
            onSearch(text);
        }, TYPING_MS);
    };
    return <TextInput type="search" value={typed} onChange={type} {...rest} />;
}

export function TextArea({ value, onChange, label, rows }: { value: string; onChange: (value: string) => void; label?: string; rows?: number }) {
    return <textarea class="input" {...useContext(Described)} value={value} rows={rows} aria-label={label} spellcheck={false} onInput={(event) => onChange(event.currentTarget.value)} />;
}

/* Chooses a file. */
export function FileInput({ accept, onChange }: { accept: string; onChange: (file: File | undefined) => void }) {
    return <input class="input" type="file" {...useContext(Described)} accept={accept} onChange={(event) => onChange(event.currentTarget.files?.[0])} />;
}

export function Select({ value, choices, onChange, label }: {
    value: string; choices: readonly (string | readonly [string, string])[]; onChange: (value: string) => void; label?: string;
}) {
    return (
        <select class="input" {...useContext(Described)} value={value} aria-label={label} onChange={(event) => onChange(event.currentTarget.value)}>
            {choices.map((choice) => {
                const [id, text] = typeof choice === 'string' ? [choice, choice] : choice;
                return <option key={id} value={id}>{text}</option>;
            })}
        </select>
    );
}

export function Checkbox({ label, checked, onChange }: { label: ComponentChildren; checked: boolean; onChange: (checked: boolean) => void }) {
    return (
        <label class="check">
            <input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
            <span>{label}</span>
        </label>
    );
}

/* A form. `onSend` does what it is for; while it runs the button waits, and keeps the focus. A refusal is shown below the fields.
 * In a window it can be cancelled. */
export function Form({ verb, onSend, kind = 'primary', isReady = true, isInline = false, children, beside }: {
    verb: string;
    onSend: () => Promise<unknown>;
    kind?: 'primary' | 'danger-primary';
    isReady?: boolean;
    isInline?: boolean; /* its fields stand beside each other */
    children: ComponentChildren;
    beside?: ComponentChildren; /* beside the button */
}) {
    const [error, setError] = useState<unknown>();
    const [isSending, setSending] = useState(false);
    const close = useContext(CloseWindow);
    const send = async (event: Event) => {
        event.preventDefault();
        if (isSending) return;
        setSending(true);
        setError(undefined);
        try {
            await onSend();
        } catch (failure) {
            setError(failure);
        } finally {
            setSending(false);
        }
    };
    return (
        <form class={isInline ? 'form inline' : 'form'} onSubmit={send}>
            {children}
            <Refusal error={error} />
            <div class="row form-foot"><Button type="submit" kind={kind} disabled={!isReady} aria-disabled={isSending}>{verb}</Button>{beside ?? (close && <Button onClick={close}>Cancel</Button>)}</div>
        </form>
    );
}

/* --- tables of names and values ------------------------------------------------------------------ */

export interface Pair { name: string; value: string; type: 'string' | 'number' | 'boolean' | 'json' }

export const noPair: Pair = { name: '', value: '', type: 'string' };

/* What pairs say, as JSON. Throws an Error that names the pair whose value is not of its type. */
export function valuesOf(pairs: Pair[]): Record<string, unknown> {
    return Object.fromEntries(pairs.filter(({ name }) => name !== '').map((pair) => [pair.name, valueOf(pair)]));
}

function valueOf({ name, value, type }: Pair): unknown {
    switch (type) {
    case 'boolean': return value === 'true';
    case 'number':
        if (INTEGER.test(value)) return integerOf(value);
        if (value.trim() === '' || !Number.isFinite(Number(value))) throw new Error(`${name}: ${value || 'nothing'} is not a number`);
        return Number(value);
    case 'json':
        try {
            return parseJson(value);
        } catch {
            throw new Error(`${name}: this is not JSON`);
        }
    default: return value;
    }
}

/* The pairs that say this table. */
export function pairsOf(values: Record<string, unknown> | null | undefined): Pair[] {
    return Object.entries(values ?? {}).map(([name, value]) => {
        const type = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? typeof value : 'json';
        return { name, value: type === 'json' ? JSON.stringify(value) : String(value), type: type as Pair['type'] };
    });
}

/* Edits a table of names and values. `known` are names to choose from, each with the type of its value. */
export function Pairs({ label, pairs, onChange, known = {}, add = 'Add' }: {
    label: string; pairs: Pair[]; onChange: (pairs: Pair[]) => void; known?: Record<string, Pair['type']>; add?: string;
}) {
    const listId = useId();
    const change = (i: number, part: Partial<Pair>) => onChange(pairs.map((pair, at) => (at === i ? { ...pair, ...part } : pair)));
    return (
        <fieldset class="pairs">
            <legend>{label}</legend>
            <datalist id={listId}>{Object.keys(known).map((name) => <option key={name} value={name} />)}</datalist>
            {pairs.map((pair, i) => (
                <div class="pair" key={i}>
                    <TextInput label={`${label}: name ${i + 1}`} value={pair.name} list={listId} placeholder="name"
                        onChange={(name) => { const type = known[name]; change(i, type ? { name, type, ...(type === 'boolean' ? { value: 'true' } : {}) } : { name }); }} />
                    {pair.type === 'boolean'
                        ? <Select label={`${label}: value ${i + 1}`} value={pair.value === 'false' ? 'false' : 'true'} choices={['true', 'false']} onChange={(value) => change(i, { value })} />
                        : <TextInput label={`${label}: value ${i + 1}`} value={pair.value} placeholder="value" onChange={(value) => change(i, { value })} />}
                    <Select label={`${label}: type ${i + 1}`} value={pair.type} choices={['string', 'number', 'boolean', ['json', 'JSON']]}
                        onChange={(type) => change(i, { type: type as Pair['type'], ...(type === 'boolean' ? { value: 'true' } : {}) })} />
                    <Button kind="quiet" icon="close" aria-label={`Remove ${pair.name || `row ${i + 1}`}`} onClick={() => onChange(pairs.filter((_, at) => at !== i))} />
                </div>
            ))}
            <div><Button icon="plus" onClick={() => onChange([...pairs, noPair])}>{add}</Button></div>
        </fieldset>
    );
}
