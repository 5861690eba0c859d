/* A button that opens a small list below it. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { Button } from './basics';
import type { IconName } from './icons';

/* Escape, or a click elsewhere, closes it; so does a click on a link in it. */
export function Menu({ label, icon, text, children }: { label: string; icon?: IconName; text?: ComponentChildren; children: ComponentChildren }) {
    const [isOpen, setOpen] = useState(false);
    const element = useRef<HTMLDivElement>(null);
    useEffect(() => {
        if (!isOpen) return;
        const onDown = (event: Event) => {
            if (!element.current?.contains(event.target as Node)) setOpen(false);
        };
        const onKey = (event: KeyboardEvent) => {
            if (event.key !== 'Escape') return;
            setOpen(false);
            element.current?.querySelector('button')?.focus();
        };
        document.addEventListener('pointerdown', onDown);
        document.addEventListener('keydown', onKey);
        return () => {
            document.removeEventListener('pointerdown', onDown);
            document.removeEventListener('keydown', onKey);
        };
    }, [isOpen]);
    return (
        <div class="menu" ref={element}>
            <Button {...(icon ? { icon } : {})} aria-label={label} aria-expanded={isOpen} title={label} onClick={() => setOpen(!isOpen)}>{text}</Button>
            {isOpen && (
                <div class="menu-list" onClick={(event) => { if ((event.target as Element).closest('a')) setOpen(false); }}>{children}</div>
            )}
        </div>
    );
}
