/* Questions before something is lost, and messages about what was done. */
import { createContext, type ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { messageOf } from '../lib/api';
import { createStore, useStore } from '../lib/store';
import { Button, Notice, Refusal } from './basics';

/* Closes the window that a form is in. */
export const CloseWindow = createContext<(() => void) | undefined>(undefined);

/* A window above the page. Escape and a click beside it close it; the focus goes back to where it was. */
export function Dialog({ title, onClose, children, foot }: {
    title: string; onClose: () => void; children: ComponentChildren; foot?: ComponentChildren;
}) {
    const element = useRef<HTMLDialogElement>(null);
    useEffect(() => {
        const before = document.activeElement;
        element.current?.showModal();
        window.addEventListener('hashchange', onClose); /* a question belongs to its page */
        return () => {
            window.removeEventListener('hashchange', onClose);
            if (before instanceof HTMLElement) before.focus();
        };
    }, []);
    return (
        <dialog ref={element} aria-label={title}
            onCancel={(event) => { event.preventDefault(); onClose(); }}
            onMouseDown={(event) => { if (event.target === element.current) onClose(); }}>
            <div class="dialog-body"><h2>{title}</h2><CloseWindow.Provider value={onClose}>{children}</CloseWindow.Provider></div>
            {foot && <div class="dialog-foot">{foot}</div>}
        </dialog>
    );
}

export interface Question {
    title: string; /* "Delete the queue orders?" */
    text: ComponentChildren; /* what will be lost, with numbers */
    verb: string; /* what the button says: "Delete" */
    typed?: string; /* must be typed before, for what cannot be undone and is much */
    isHarmless?: boolean;
    act: () => Promise<unknown>;
    done?: string; /* said afterwards */
    then?: () => void;
}

const question = createStore<Question | null>(null);

/* Asks, and acts if the answer is yes. A refusal is shown in the question's window, which stays. */
export function confirm(what: Question): void {
    question.set(what);
}

function QuestionDialog({ what }: { what: Question }) {
    const [error, setError] = useState<unknown>();
    const [isActing, setActing] = useState(false);
    const [typed, setTyped] = useState('');
    /* It may have been closed meanwhile, and another question asked. */
    const isOpen = () => question.get() === what;
    const close = () => { if (isOpen()) question.set(null); };
    const act = async (event: Event) => {
        event.preventDefault();
        if (isActing) return;
        setActing(true);
        setError(undefined);
        try {
            await what.act();
            close();
            if (what.done) toast(what.done);
            what.then?.();
        } catch (failure) {
            if (!isOpen()) toast(messageOf(failure), 'bad');
            setError(failure);
            setActing(false);
        }
    };
    const isReady = what.typed === undefined || typed === what.typed;
    return (
        <Dialog title={what.title} onClose={close} foot={
            <>
                <Button onClick={close} autofocus>Cancel</Button>
                <Button type="submit" form="question" kind={what.isHarmless ? 'primary' : 'danger-primary'} disabled={!isReady} aria-disabled={isActing}>{what.verb}</Button>
            </>
        }>
            <form id="question" class="stack" onSubmit={act}>
                <div>{what.text}</div>
                {what.typed !== undefined && (
                    <label class="field">
                        <span class="label">Type <code>{what.typed}</code> to go on</span>
                        <input class="input" value={typed} autocomplete="off" onInput={(event) => setTyped(event.currentTarget.value)} />
                    </label>
                )}
                <Refusal error={error} />
            </form>
        </Dialog>
    );
}

/* --- messages --------------------------------------------------------------------------------- */

interface Toast { id: number; text: string; kind: 'good' | 'bad' | 'info' }

const TOAST_MS = 6000;
const toasts = createStore<Toast[]>([]);
let lastToast = 0;

/* Says something in the corner for some seconds. */
export function toast(text: string, kind: Toast['kind'] = 'good'): void {
    const id = ++lastToast;
    toasts.set([...toasts.get(), { id, text, kind }]);
    window.setTimeout(() => toasts.set(toasts.get().filter((one) => one.id !== id)), TOAST_MS);
}

/* Where questions and messages appear: once in the page. */
export function Overlays() {
    const what = useStore(question);
    const shown = useStore(toasts);
    return (
        <>
            {what && <QuestionDialog key={what.title} what={what} />}
            <div class="toasts" role="status" aria-live="polite">
                {shown.map((one) => <Notice key={one.id} kind={one.kind}>{one.text}</Notice>)}
            </div>
        </>
    );
}
