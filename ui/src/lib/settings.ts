/* What a user has chosen, kept by the browser. */
import { createKeptStore, createStore } from './store';

export type Theme = 'system' | 'light' | 'dark';

export const refreshChoices = [2, 5, 10, 30, 60, 0];

export const theme = createKeptStore<Theme>('theme', 'system', (v) => v === 'light' || v === 'dark' || v === 'system');
/* Seconds between two requests for what is shown; 0: it is not refreshed. */
export const refreshSeconds = createKeptStore<number>('refresh', 5, (v) => refreshChoices.includes(v as number));
/* The vhost that lists show; '' means all. */
export const chosenVhost = createKeptStore<string>('vhost', '', (v) => typeof v === 'string');

/* Rows of tables are cards on so narrow a screen (phone.css). */
export const isNarrow = () => window.innerWidth <= 640;

const systemIsDark = window.matchMedia('(prefers-color-scheme: dark)');

/* The theme in force. */
export const shownTheme = createStore<'light' | 'dark'>('light');

function showTheme(): void {
    const chosen = theme.get();
    const shown = chosen === 'system' ? (systemIsDark.matches ? 'dark' : 'light') : chosen;
    document.documentElement.dataset['theme'] = shown;
    shownTheme.set(shown);
}
theme.watch(showTheme);
systemIsDark.addEventListener('change', showTheme);
showTheme();
