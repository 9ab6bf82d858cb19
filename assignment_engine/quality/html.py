"""The report as one HTML page that loads nothing: it opens offline, and nothing in the data can run in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from assignment_engine.quality.kinds import Kind
from assignment_engine.quality.report import DuplicateReport, FilledColumn, Impact, ImpactNotComputed, QualityReport

ROWS_SHOWN = 200
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1d2330 }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .3rem .6rem; vertical-align: top }
tr:nth-child(even) td { background: #f5f6f8 } th { border-bottom: 2px solid #c9ced8 } td { overflow-wrap: anywhere }
.score { font-size: 3rem; font-weight: 600 } .error { color: #a4161a } .warning { color: #8a5a00 } .note { color: #556 }
.bar { background: #e3e6ec; width: 8rem; height: .7rem; display: inline-block } .bar i { background: #3a6ea5;
 display: block; height: 100% } small { color: #556 }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_DECISIONS = "What it means for decisions"


class _Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def render(
    report: QualityReport,
    fills: Sequence[FilledColumn] = (),
    duplicates: DuplicateReport | None = None,
    impact: Impact | ImpactNotComputed | None = None,
) -> str:
    """The page."""
    title = f"Data quality: {report.file or 'table'}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        _summary(report),
        _impact(impact),
        _issues(report),
        _schema(report),
        _columns(report),
        _groups(report),
        _fills(fills),
        _duplicates(duplicates),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n{''.join(parts)}\n</body></html>\n"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    shown = list(rows)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>\n" for row in shown[:ROWS_SHOWN])
    more = f"<p><small>and {len(shown) - ROWS_SHOWN} more</small></p>" if len(shown) > ROWS_SHOWN else ""
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f"<table><thead><tr>{names}</tr></thead><tbody>\n{body}</tbody></table>{more}"


def _cell(value: object) -> str:
    if isinstance(value, _Markup):
        return value
    if value is None:
        return "–"
    return escape(f"{value:,.4g}" if isinstance(value, float) else str(value))


def _bar(share: float | None) -> _Markup:
    if share is None:
        return _Markup("–")
    width = round(100 * max(0.0, min(1.0, share)))
    return _Markup(f'<span class="bar"><i style="width:{width}%"></i></span> {share:.1%}')


def _section(title: str, content: str, explanation: str = "") -> str:
    told = f"<p><small>{escape(explanation)}</small></p>" if explanation else ""
    return f"<h2>{escape(title)}</h2>{told}{content}" if content else ""


def _summary(report: QualityReport) -> str:
    score = report.score
    shares = [(name, _bar(getattr(score, name))) for name in ("completeness", "validity", "uniqueness", "readability")]
    beside = f", beside the reference {report.reference}" if report.reference else ", without a reference"
    facts = (
        f"{report.rows:,} rows of {len(report.columns)} columns, {report.unreadable_rows:,} rows not readable, "
        f"{report.suspect_rows:,} suspect, {report.row_gaps.sparse:,} sparse{beside}."
    )
    total = "–" if score.total is None else f"{score.total:.1f}"
    return (
        f'<p class="score">{total}<small> of 100</small></p><p>{escape(facts)}</p>'
        f"{_table(('share', ''), shares)}<p><small>score = {escape(score.formula)}</small></p>"
    )


def _issues(report: QualityReport) -> str:
    order = {"error": 0, "warning": 1, "note": 2}
    rows = [
        (
            _Markup(f'<span class="{issue.severity}">{issue.severity}</span>'),
            issue.code,
            issue.column,
            f"{issue.count:,}",
            issue.detail,
            ", ".join(map(str, issue.lines)),
        )
        for issue in sorted(report.issues, key=lambda issue: (order[issue.severity], -issue.count))
    ]
    head = ("", "what", "column", "times", "detail", "first lines")
    return _section("Problems", _table(head, rows) if rows else "<p>None was found.</p>")


def _schema(report: QualityReport) -> str:
    if not report.drift:
        return ""
    rows = [
        (entry.column, entry.psi, entry.by_chance, "yes" if entry.drifted else "no")
        for entry in sorted(report.drift, key=lambda entry: -entry.psi)
    ]
    return _section(
        "Drift against the reference",
        _table(("column", "PSI", "by chance", "drifted"), rows),
        "Population stability index; drift above 0.1 plus three times what chance gives.",
    )


def _columns(report: QualityReport) -> str:
    rows = [
        (
            column.name,
            column.kind,
            column.role,
            _bar(column.completeness),
            f"{column.distinct:,}",
            *((column.low, column.median, column.high) if column.kind is Kind.NUMBER else (None, None, None)),
            ", ".join(f"{entry.word} ({entry.rows:,})" for entry in column.frequent),
        )
        for column in report.columns
    ]
    head = ("column", "kind", "role", "present", "distinct", "low", "median", "high", "most frequent")
    return _section("Columns", _table(head, rows))


def _groups(report: QualityReport) -> str:
    rows = [
        (gap.column, f"{gap.by} = {gap.group}", f"{gap.rows:,}", _bar(gap.missing), _bar(gap.missing_elsewhere))
        for gap in report.group_gaps
    ]
    head = ("column", "group", "rows", "missing there", "missing elsewhere")
    return _section("Gaps that belong to a group", _table(head, rows) if rows else "")


def _fills(fills: Sequence[FilledColumn]) -> str:
    rows = [
        (
            fill.column,
            f"{fill.gaps:,}",
            f"{fill.filled:,}",
            fill.method if not fill.by else f"{fill.method} by {fill.by}",
            ", ".join(f"{entry.method} {entry.error:.3f}" for entry in fill.measured),
            fill.note,
        )
        for fill in fills
    ]
    head = ("column", "gaps", "filled", "method", "error on hidden cells", "")
    return _section(
        "Gaps and how they were filled",
        _table(head, rows) if rows else "",
        "Errors: numbers relative to the median's (1 is no better than the median), words as the share of wrong ones.",
    )


def _duplicates(report: DuplicateReport | None) -> str:
    if report is None:
        return ""
    facts = [
        ("rows", f"{report.rows:,}"),
        ("removed", f"{report.duplicates_removed:,}"),
        ("of these exact, same id, fuzzy", f"{report.exact:,}, {report.same_id:,}, {report.fuzzy:,}"),
        ("clusters, largest", f"{report.clusters:,}, {report.largest_cluster:,}"),
        ("cells merged into survivors", f"{report.merged_cells:,}"),
        ("pairs to review", f"{report.review:,}"),
        ("pairs compared", f"{report.compared_pairs:,}"),
        ("named by, newest by", f"{report.id_column or '–'}, {report.newest_by or '–'}"),
        ("weights", ", ".join(f"{name} {weight:.3g}" for name, weight in report.weights.items())),
        ("values that differed", ", ".join(f"{name} {count:,}" for name, count in report.conflicts.items()) or "none"),
    ]
    return _section("Duplicates", _table(("", ""), facts))


def _impact(impact: Impact | ImpactNotComputed | None) -> str:
    if impact is None:
        return ""
    if isinstance(impact, ImpactNotComputed):
        return _section(_DECISIONS, f"<p>Not computed: {escape(impact.reason)}.</p>")
    suspect = impact.suspect_tasks + impact.suspect_employees
    facts = (
        f"With the {suspect:,} suspect rows that can be planned (those that are double among them) the {impact.method} "
        f"plan assigns {impact.assigned_with:,} tasks with a total score of {impact.total_score_with:,.2f}; without "
        f"them {impact.assigned_without:,} tasks and {impact.total_score_without:,.2f}. {impact.changed:,} assignments "
        f"change; a score of {impact.at_stake:,.2f} ({impact.share_at_stake:.1%}) depends on rows that cannot be "
        f"trusted."
    )
    rows = [
        (
            change.task_id,
            "suspect" if change.suspect else "",
            change.employee_with,
            change.employee_without,
            change.score_with,
            change.score_without,
        )
        for change in impact.changes
    ]
    head = ("task", "", "person with", "person without", "score with", "score without")
    return _section(_DECISIONS, f"<p>{escape(facts)}</p>{_table(head, rows) if rows else ''}")
