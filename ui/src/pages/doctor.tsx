/* What is wrong: the doctor's findings, the gravest first, each rule with what to do about it. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

import { Badge, Button, FoldedPanel, Name, PageHead, Panel, Segmented, Waiting } from '../components/basics';
import { Icon, type IconName } from '../components/icons';
import { count, duration, exchangeName, number } from '../lib/format';
import { useResource } from '../lib/resource';
import { href, useQuery } from '../lib/router';
import { refreshSeconds } from '../lib/settings';
import { useStore } from '../lib/store';
import { useVhost } from '../lib/vhost';
import './doctor.css';

type Severity = 'critical' | 'warning' | 'advice';

interface Subject {
    kind: 'node' | 'alarm' | 'loop' | 'certificate' | 'user' | 'queue' | 'exchange' | 'connection' | 'channel' | 'consumer';
    name: string;
    vhost?: string;
    queue?: string;
    channel?: string;
    connection?: string;
}

interface Finding {
    rule: string;
    severity: Severity;
    object: Subject;
    evidence: string;
}

interface Rule {
    name: string;
    severity: Severity; /* the gravest that it finds */
    title: string;
    sees: string;
    why: string;
    remedy: string;
    docs: string;
    found: number;
    more: number; /* that are not shown */
}

interface Report {
    node: string;
    covered: number; /* seconds */
    critical: number;
    warning: number;
    advice: number;
    findings: Finding[];
    rules: Rule[];
}

const severities: Record<Severity, { title: string; badge: 'bad' | 'warn' | 'info'; icon: IconName; means: string; one: string; many: string }> = {
    critical: { title: 'Critical', badge: 'bad', icon: 'warning', means: 'It goes wrong now.', one: 'critical', many: 'critical' },
    warning: { title: 'Warnings', badge: 'warn', icon: 'warning', means: 'It will go wrong, or goes wrong for somebody.', one: 'warning', many: 'warnings' },
    advice: { title: 'Advice', badge: 'info', icon: 'info', means: 'It works, but not as well as it could; or it is meant like this.', one: 'advice', many: 'advice' },
};
const order: Severity[] = ['critical', 'warning', 'advice'];

const periods = [['60', '1 minute'], ['600', '10 minutes'], ['3600', '1 hour']] as const;

/* The doctor has more to do than a list: it is asked less often. */
const EVERY_S_MIN = 10;

/* --- objects ---------------------------------------------------------------------------------- */

function addressOf({ kind, name, vhost = '', queue = '', channel = '' }: Subject, node: string): string {
    switch (kind) {
    case 'queue': return href(['queues', vhost, name]);
    case 'exchange': return href(['exchanges', vhost, name || 'amq.default']);
    case 'connection': return href(['connections', name]);
    case 'channel': return href(['channels', name]);
    case 'consumer': return channel ? href(['channels', channel]) : href(['queues', vhost, queue]);
    case 'user': return href(['users', name]);
    default: return href(['nodes', node]);
    }
}

function SubjectLink({ of, node }: { of: Subject; node: string }) {
    const name = of.kind === 'exchange' ? exchangeName(of.name) : of.name;
    return (
        <span class="subject">
            <span class="muted">{of.kind}</span>
            <Name text={name} to={addressOf(of, node)} />
            {of.kind === 'consumer' && of.queue && (
                <><span class="muted">of queue</span><Name text={of.queue} to={href(['queues', of.vhost ?? '', of.queue])} /></>
            )}
            {of.vhost !== undefined && <><span class="muted">in</span><Name text={of.vhost} to={href(['vhosts', of.vhost])} /></>}
        </span>
    );
}

/* --- findings --------------------------------------------------------------------------------- */

/* Of one rule so many are shown before somebody asks for the others. */
const SHOWN = 5;

/* What a rule has found, and what to do about it. `more`: findings that the report does not have. */
function RuleFindings({ rule, findings, more, node }: { rule: Rule; findings: Finding[]; more: number; node: string }) {
    const [isOpen, setOpen] = useState(false);
    const isShort = findings.length <= SHOWN + 1;
    const shown = isOpen || isShort ? findings : findings.slice(0, SHOWN);
    const rest = findings.length - SHOWN;
    return (
        <section class="rule" aria-label={rule.title}>
            <div class="rule-head"><h3>{rule.title}</h3><code class="muted">{rule.name}</code></div>
            <ul class="findings">
                {shown.map(({ object, evidence }) => (
                    <li key={JSON.stringify(object)}><SubjectLink of={object} node={node} /><span class="evidence">{evidence}</span></li>
                ))}
            </ul>
            {(!isShort || more > 0) && (
                <p class="row small muted">
                    {!isShort && <Button aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>{isOpen ? `Show ${SHOWN}` : `Show ${number(rest)} more`}</Button>}
                    {more > 0 && `${number(more)} ${isShort ? 'more' : 'others'} are less grave and not listed.`}
                </p>
            )}
            <p class="remedy"><strong>What to do</strong> {rule.remedy}</p>
            <details class="about"><summary>Why this matters, and when it is found</summary><p>{rule.why}</p><p>{rule.sees}</p></details>
        </section>
    );
}

function SeverityPanel({ severity, report, findings, isWhole }: { severity: Severity; report: Report; findings: Finding[]; isWhole: boolean }) {
    const { title, badge, icon, means } = severities[severity];
    const those = findings.filter((finding) => finding.severity === severity);
    if (those.length === 0) return null;
    const rules = report.rules.filter(({ name }) => those.some((finding) => finding.rule === name));
    /* A rule's further findings are those that are the least grave. */
    const last = (rule: Rule) => report.findings.filter((finding) => finding.rule === rule.name).at(-1)?.severity;
    return (
        <section class="panel severity" data-kind={badge} aria-label={title}>
            <div class="panel-head"><Icon name={icon} /><h2>{title}</h2><span class="muted small">{means}</span></div>
            {rules.map((rule) => (
                <RuleFindings key={rule.name} rule={rule} node={report.node} findings={those.filter((finding) => finding.rule === rule.name)}
                    more={isWhole && last(rule) === severity ? rule.more : 0} />
            ))}
        </section>
    );
}

function AllIsWell({ report, where }: { report: Report; where: string }) {
    return (
        <Panel>
            <div class="all-is-well">
                <span class="sign"><Icon name="check" /></span>
                <h2>Nothing is wrong{where}.</h2>
                <p class="muted">{count(report.rules.length, 'rule')} looked at the last {duration(report.covered * 1000)}, and found nothing.</p>
            </div>
        </Panel>
    );
}

function Rules({ report, open }: { report: Report; open: boolean }) {
    return (
        <FoldedPanel title={`The ${number(report.rules.length)} rules`} open={open} flush>
            <div class="table-wrap" role="region" aria-label="Rules" tabIndex={0}>
                <table class="table cards rules">
                    <thead><tr><th scope="col">Rule</th><th scope="col">At most</th><th scope="col">Looks at</th><th scope="col" class="num">Found</th></tr></thead>
                    <tbody>
                        {report.rules.map((rule) => (
                            <tr key={rule.name}>
                                <td class="name"><span class="two-lines"><span>{rule.title}</span><code class="muted">{rule.name}</code></span></td>
                                <td data-label="At most"><Badge kind={rule.found > 0 ? severities[rule.severity].badge : 'plain'}>{rule.severity}</Badge></td>
                                <td class="sees wide">{rule.sees}</td>
                                <td class="num" data-label="Found">{number(rule.found)}</td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
        </FoldedPanel>
    );
}

/* --- the page --------------------------------------------------------------------------------- */

function Note({ report }: { report: Report }): ComponentChildren {
    return <>{count(report.rules.length, 'rule')} looked at the last {duration(report.covered * 1000)}. What they see is a few seconds old.</>;
}

export default function DoctorPage() {
    const [period, setPeriod] = useQuery('period', '600');
    const vhost = useVhost();
    const chosen = useStore(refreshSeconds);
    const every = chosen === 0 ? 0 : Math.max(chosen, EVERY_S_MIN);
    const known = periods.some(([id]) => id === period) ? period : '600';
    const resource = useResource<Report>(`/doctor?period=${known}`, { keeps: true, every });
    const report = resource.data;
    const findings = report?.findings.filter(({ object }) => vhost === '' || object.vhost === undefined || object.vhost === vhost) ?? [];
    const numberOf = (severity: Severity) => vhost === '' ? report![severity] : findings.filter((finding) => finding.severity === severity).length;
    return (
        <>
            <PageHead title={vhost === '' ? 'What is wrong?' : `What is wrong in ${vhost}?`} note={report && <Note report={report} />}
                badges={report && findings.length > 0 && (
                    <span class="badges" role="status">
                        {order.filter((severity) => numberOf(severity) > 0).map((severity) => (
                            <Badge key={severity} kind={severities[severity].badge}>{count(numberOf(severity), severities[severity].one, severities[severity].many)}</Badge>
                        ))}
                    </span>
                )}>
                <Segmented label="Changes of the last" value={known} choices={periods} onChange={setPeriod} />
            </PageHead>
            {!report ? <Waiting for={resource} what="report" /> : (
                <div class="stack">
                    {findings.length === 0 && <AllIsWell report={report} where={vhost === '' ? '' : ` in ${vhost}, nor with the node`} />}
                    {order.map((severity) => <SeverityPanel key={severity} severity={severity} report={report} findings={findings} isWhole={vhost === ''} />)}
                    <Rules report={report} open={findings.length === 0} />
                </div>
            )}
        </>
    );
}
