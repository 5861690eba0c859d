/* Lists of objects: a table that is filtered, sorted and paged, here or by the broker. What is shown
 * is in the address; which columns, and how many rows, is kept by the browser. */
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';

import { withParameters } from '../lib/api';
import { count, number } from '../lib/format';
import { useResource } from '../lib/resource';
import { setQuery, useRoute } from '../lib/router';
import { isNarrow } from '../lib/settings';
import { createKeptStore, useStore, type Store } from '../lib/store';
import { Button, Empty, Loading, Refusal } from './basics';
import { Checkbox, Select, SearchInput } from './form';
import { Menu } from './menu';

export interface Column<Row> {
    id: string;
    title: string;
    cell: (row: Row) => ComponentChildren;
    /* The API's field that the list is sorted by; without it the column cannot be sorted by. */
    sort?: string;
    /* The API's fields that the cell reads; default: `sort`, or else `id`. */
    fields?: string[];
    /* In a list that is sorted here: what it is sorted by. */
    value?: (row: Row) => string | number;
    isNumber?: boolean;
    isWide?: boolean; /* takes a line of its own where rows are cards */
    isName?: boolean; /* what the row is called: always shown, and the title of a card */
    isHidden?: boolean; /* not shown until it is chosen */
    isAction?: boolean; /* buttons of the row, at its end: always shown, and without a title that is seen */
    group?: string; /* where it stands in the menu of columns */
}

interface Order { column: string; isDown: boolean }

/* Rows that somebody has chosen in a list, by their keys; `onChange` gets the new ones. */
export interface Selection<Row> {
    rows: ReadonlyMap<string, Row>;
    onChange: (rows: ReadonlyMap<string, Row>) => void;
    label: (row: Row) => string; /* what the row's checkbox is called */
}

/* --- the columns that a user has chosen ----------------------------------------------------------- */

const choices = new Map<string, Store<Record<string, boolean>>>();

function choiceOf(list: string): Store<Record<string, boolean>> {
    let store = choices.get(list);
    if (!store) {
        store = createKeptStore<Record<string, boolean>>(`columns.${list}`, {}, (v) => typeof v === 'object');
        choices.set(list, store);
    }
    return store;
}

function isShown<Row>(column: Column<Row>, chosen: Record<string, boolean>): boolean {
    return column.isName || column.isAction || (chosen[column.id] ?? !column.isHidden);
}

/* Where rows are cards there are no heads to sort by. */
function OrderPicker<Row>({ columns, order }: { columns: Column<Row>[]; order: Order }) {
    if (!isNarrow() || columns.length === 0) return null;
    return (
        <fieldset class="menu-group">
            <legend>Sorted by</legend>
            <Select label="Sorted by" value={order.column} choices={[...(columns.some(({ id }) => id === order.column) ? [] : [['', '–'] as const]), ...columns.map(({ id, title }) => [id, title] as const)]}
                onChange={(column) => setOrder({ column, isDown: !!columns.find(({ id }) => id === column)?.isNumber })} />
            <Checkbox label="largest or last first" checked={order.isDown} onChange={(isDown) => setOrder({ ...order, isDown })} />
        </fieldset>
    );
}

function ColumnMenu<Row>({ list, columns, canSort, order }: { list: string; columns: Column<Row>[]; canSort: (column: Column<Row>) => boolean; order: Order }) {
    const store = choiceOf(list);
    const chosen = useStore(store);
    const offered = columns.filter((c) => !c.isName && !c.isAction);
    const groups = [...new Set(offered.map((c) => c.group ?? ''))];
    return (
        <Menu icon="columns" label="Columns">
            <OrderPicker columns={columns.filter(canSort)} order={order} />
            {groups.map((group) => (
                <fieldset key={group} class="menu-group">
                    {group && <legend>{group}</legend>}
                    {offered.filter((c) => (c.group ?? '') === group).map((c) => (
                        <Checkbox key={c.id} label={c.title} checked={isShown(c, chosen)} onChange={(is) => store.set({ ...chosen, [c.id]: is })} />
                    ))}
                </fieldset>
            ))}
            <Button kind="quiet" onClick={() => store.set({})}>As they were at first</Button>
        </Menu>
    );
}

/* --- the table ------------------------------------------------------------------------------------- */

function HeadCell<Row>({ column, canSort, order, onSort }: {
    column: Column<Row>; canSort: boolean; order: Order; onSort: (order: Order) => void;
}) {
    const isSorted = order.column === column.id;
    const next = { column: column.id, isDown: isSorted ? !order.isDown : !!column.isNumber };
    return (
        <th scope="col" role="columnheader" class={column.isNumber ? 'num' : column.isAction ? 'action' : undefined}
            aria-sort={isSorted ? (order.isDown ? 'descending' : 'ascending') : undefined}>
            {canSort
                ? <button type="button" class="sort" data-sorted={isSorted || undefined} onClick={() => onSort(next)}>
                    {column.title}<span class="arrow" aria-hidden="true">{isSorted ? (order.isDown ? '↓' : '↑') : ''}</span>
                </button>
                : column.isAction ? <span class="sr-only">{column.title}</span> : column.title}
        </th>
    );
}

function withRow<Row>(chosen: ReadonlyMap<string, Row>, added: [string, Row][], removed: string[]): ReadonlyMap<string, Row> {
    const next = new Map([...chosen, ...added]);
    removed.forEach((key) => next.delete(key));
    return next;
}

/* Chooses all rows of the page, or none of them. */
function SelectAll<Row>({ selection, rows, rowKey }: { selection: Selection<Row>; rows: Row[]; rowKey: (row: Row) => string }) {
    const keys = rows.map(rowKey);
    const chosen = keys.filter((key) => selection.rows.has(key)).length;
    return (
        <input type="checkbox" aria-label="All on this page" checked={chosen > 0 && chosen === keys.length} indeterminate={chosen > 0 && chosen < keys.length}
            onChange={() => selection.onChange(chosen < keys.length
                ? withRow(selection.rows, rows.map((row) => [rowKey(row), row]), [])
                : withRow(selection.rows, [], keys))} />
    );
}

export function DataTable<Row>({ label, rows, columns, rowKey, canSort = () => false, order = { column: '', isDown: false }, onSort = () => undefined, selection }: {
    label: string;
    rows: Row[];
    columns: Column<Row>[];
    rowKey: (row: Row) => string;
    canSort?: (column: Column<Row>) => boolean;
    order?: Order;
    onSort?: (order: Order) => void;
    selection?: Selection<Row> | undefined;
}) {
    return (
        <div class="table-wrap" role="region" aria-label={`${label}: rows`} tabIndex={0}>
            <table class="table cards" role="table" aria-label={label}>
                <thead role="rowgroup">
                    <tr role="row">
                        {selection && <th scope="col" role="columnheader" class="select"><SelectAll selection={selection} rows={rows} rowKey={rowKey} /></th>}
                        {columns.map((c) => <HeadCell key={c.id} column={c} canSort={canSort(c)} order={order} onSort={onSort} />)}
                    </tr>
                </thead>
                <tbody role="rowgroup">
                    {rows.map((row) => (
                        <tr role="row" key={rowKey(row)} aria-selected={selection?.rows.has(rowKey(row))}>
                            {selection && (
                                <td role="cell" class="select">
                                    <label><input type="checkbox" aria-label={selection.label(row)} checked={selection.rows.has(rowKey(row))}
                                        onChange={(event) => selection.onChange(event.currentTarget.checked
                                            ? withRow(selection.rows, [[rowKey(row), row]], [])
                                            : withRow(selection.rows, [], [rowKey(row)]))} /></label>
                                </td>
                            )}
                            {columns.map((c) => (
                                <td role="cell" key={c.id} data-label={c.isAction ? undefined : c.title} class={c.isName ? 'name' : c.isNumber ? 'num' : c.isAction ? 'action' : c.isWide ? 'wide' : undefined}>{c.cell(row)}</td>
                            ))}
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}

/* --- what stands around it ------------------------------------------------------------------------- */

const sizes = ['25', '50', '100', '250', '500'];
const pageSize = createKeptStore<string>('page_size', isNarrow() ? '25' : '50', (v) => sizes.includes(v as string));

function useListState(initialSort: string, isInitiallyDown: boolean) {
    const { query } = useRoute();
    return {
        name: query.get('name') ?? '',
        isRegex: query.has('regex'),
        page: Math.max(1, Number(query.get('page')) || 1),
        order: query.has('sort')
            ? { column: query.get('sort')!, isDown: query.has('desc') }
            : { column: initialSort, isDown: isInitiallyDown },
    };
}

function setOrder(order: Order): void {
    setQuery({ sort: order.column, desc: order.isDown, page: null });
}

/* The field that filters by name. */
function Filter({ name, noun, by, isRegex, canRegex }: { name: string; noun: string; by: string; isRegex: boolean; canRegex: boolean }) {
    return (
        <>
            <div class="filter"><SearchInput label={`Filter ${noun} by ${by}`} placeholder={`Filter by ${by}`} value={name} onSearch={(text) => setQuery({ name: text, page: null })} /></div>
            {canRegex && <Checkbox label="regex" checked={isRegex} onChange={(is) => setQuery({ regex: is && '1', page: null })} />}
        </>
    );
}

function singular(noun: string): string {
    return noun.endsWith('ies') ? `${noun.slice(0, -3)}y` : noun.replace(/s$/, '');
}

/* Rows on a page are chosen where there are more than the fewest. A screen reader says how many rows a filter has found; how many there
 * are without one changes by itself. */
function Foot({ page, pageCount, filtered, total, noun, isFiltered }: { page: number; pageCount: number; filtered: number; total: number; noun: string; isFiltered: boolean }) {
    const size = useStore(pageSize);
    const go = (to: number) => setQuery({ page: to === 1 ? null : to }, false);
    return (
        <div class="list-foot">
            <span class="grow" role={isFiltered ? 'status' : undefined}>{filtered === total ? count(total, singular(noun), noun) : `${number(filtered)} of ${count(total, singular(noun), noun)}`}</span>
            {total > Number(sizes[0]) && <label class="row">Rows <Select value={size} choices={sizes} onChange={(next) => { pageSize.set(next); setQuery({ page: null }); }} /></label>}
            {pageCount > 1 && (
                <nav class="row" aria-label="Pages">
                    <Button kind="quiet" disabled={page <= 1} onClick={() => go(page - 1)}>Previous</Button>
                    <span>Page {number(page)} of {number(pageCount)}</span>
                    <Button kind="quiet" disabled={page >= pageCount} onClick={() => go(page + 1)}>Next</Button>
                </nav>
            )}
        </div>
    );
}

interface ListProps<Row> {
    id: string; /* whose columns are remembered */
    noun: string; /* plural, as in "12 queues" */
    title?: string; /* of a list that is a part of a page */
    filterBy?: string; /* what the filter looks in; default: name */
    columns: Column<Row>[];
    rowKey: (row: Row) => string;
    empty: ComponentChildren; /* what is said if there is nothing, not even without a filter */
    initialSort?: string;
    isInitiallyDown?: boolean;
    actions?: ComponentChildren; /* beside the filter */
    filters?: ComponentChildren; /* more filters */
    selection?: Selection<Row> | undefined;
    selectionActions?: ComponentChildren; /* what can be done with the chosen rows: shown while there are some */
}

function ListFrame<Row>(props: ListProps<Row> & {
    rows: Row[]; state: ReturnType<typeof useListState>; canSort: (column: Column<Row>) => boolean; canRegex: boolean;
    pageCount: number; filtered: number; total: number; isStale: boolean; above?: ComponentChildren;
}) {
    const { id, noun, columns, rows, state, actions, filters, empty, total, isStale, above, selection } = props;
    const chosen = useStore(choiceOf(id));
    const shown = columns.filter((column) => isShown(column, chosen));
    const head = props.title && <div class="panel-head"><h2>{props.title}</h2></div>;
    /* Where there is nothing to filter, only that is said. */
    if (total === 0 && state.name === '' && !filters && !actions && !above) return <section class="panel" aria-label={noun}>{head}{empty}</section>;
    return (
        <section class="panel" aria-label={noun}>
            {head}
            <div class="list-bar">
                <Filter name={state.name} noun={noun} by={props.filterBy ?? 'name'} isRegex={state.isRegex} canRegex={props.canRegex} />
                {filters}
                <span class="grow" style={{ flex: 1 }} />
                {actions}
                <ColumnMenu list={id} columns={columns} canSort={props.canSort} order={state.order} />
            </div>
            {selection && selection.rows.size > 0 && (
                <div class="list-bar chosen">
                    <span role="status"><strong>{number(selection.rows.size)}</strong> chosen</span>
                    {props.selectionActions}
                    <Button kind="quiet" onClick={() => selection.onChange(new Map())}>Choose none</Button>
                </div>
            )}
            {above}
            {rows.length === 0
                ? total === 0 && state.name === '' ? empty : <Empty title={`No ${noun} match`}>Change the filter, or clear it.</Empty>
                : <div class={isStale ? 'is-stale' : undefined}>
                    <DataTable label={noun} rows={rows} columns={shown} rowKey={props.rowKey} canSort={props.canSort} order={state.order} onSort={setOrder} selection={selection} />
                </div>}
            <Foot page={state.page} pageCount={props.pageCount} filtered={props.filtered} total={total} noun={noun} isFiltered={state.name !== ''} />
        </section>
    );
}

/* --- a list that the broker pages ------------------------------------------------------------------ */

interface PageOf<Row> { items: Row[]; page_count: number; filtered_count: number; total_count: number }

/* A list of a path that answers in pages. Only the fields that are shown are asked for, and one page. */
export function ServerList<Row>(props: ListProps<Row> & { path: string; fields: string[] }) {
    const { path, fields, columns, id } = props;
    const chosen = useStore(choiceOf(id));
    const size = useStore(pageSize);
    const state = useListState(props.initialSort ?? '', !!props.isInitiallyDown);
    const sorted = columns.find((column) => column.id === state.order.column);
    const wanted = columns.filter((c) => isShown(c, chosen)).flatMap((c) => c.fields ?? [c.sort ?? c.id]);
    const asked = withParameters(path, {
        page: state.page,
        page_size: size,
        name: state.name,
        use_regex: state.name !== '' && state.isRegex,
        sort: sorted?.sort,
        sort_reverse: sorted?.sort !== undefined && state.order.isDown,
        columns: [...new Set([...fields, ...wanted])].join(','),
    });
    const { data, error, isLoading } = useResource<PageOf<Row>>(asked, { keeps: true });
    const isBeyond = error?.code === 'page_out_of_range';
    useEffect(() => { if (isBeyond) setQuery({ page: null }); }, [isBeyond]);
    /* While the broker is away nothing is known of how many rows there are. */
    if (isLoading || (!data && error?.status === 0)) return <Loading />;
    return (
        <ListFrame {...props} empty={data && props.empty} rows={data?.items ?? []} state={state} canSort={(c) => c.sort !== undefined} canRegex
            pageCount={data?.page_count ?? 1} filtered={data?.filtered_count ?? 0} total={data?.total_count ?? 0}
            isStale={!!error && error.status !== 400}
            above={error && error.status !== 0 && !isBeyond && <div class="list-bar"><Refusal error={error} /></div>} />
    );
}

/* --- a list that is here already ------------------------------------------------------------------- */

/* A list of rows that the page has. `text` is what the filter looks in. */
export function LocalList<Row>(props: ListProps<Row> & { rows: Row[]; text: (row: Row) => string }) {
    const { rows, text, columns } = props;
    const size = Number(useStore(pageSize));
    const state = useListState(props.initialSort ?? '', !!props.isInitiallyDown);
    const found = useMemo(() => {
        const wanted = state.name.toLowerCase();
        const some = wanted === '' ? [...rows] : rows.filter((row) => text(row).toLowerCase().includes(wanted));
        const value = columns.find((column) => column.id === state.order.column)?.value;
        if (value) {
            some.sort((a, b) => {
                const [x, y] = [value(a), value(b)];
                const by = typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y));
                return state.order.isDown ? -by : by;
            });
        }
        return some;
    }, [rows, columns, state.name, state.order.column, state.order.isDown]);
    const pageCount = Math.max(1, Math.ceil(found.length / size));
    const page = Math.min(state.page, pageCount);
    return (
        <ListFrame {...props} rows={found.slice((page - 1) * size, page * size)} state={{ ...state, page }}
            canSort={(c) => c.value !== undefined} canRegex={false} pageCount={pageCount}
            filtered={found.length} total={rows.length} isStale={false} />
    );
}
