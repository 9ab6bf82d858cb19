"""Checking, filling and deduplicating a file in the background: original → UC1 → cleaned → UC4 → final."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assignment_engine.domain.errors import ConfigurationError, UnreadableFileError
from assignment_engine.domain.files import FileProcessingMetrics, UseCase
from assignment_engine.jobs.kinds import JobContext, JobResult
from assignment_engine.quality.files import Processed, process_file
from assignment_engine.quality.report import Judge
from assignment_engine.services.data_root import DataRoot
from assignment_engine.store.unit import UnitOfWork

_PROCESSED = 0.95
_MOST_ISSUES = 100


class FileWork:
    """Does jobs of kind `file`.

    The work on the file is no step of its own: it is cheap to repeat, and so it can be ended at any time. Its results
    come into view at once, when all of them are there and the run still counts. `judge` says what suspect rows mean for
    a plan.
    """

    def __init__(self, root: DataRoot, judge: Judge | None = None) -> None:
        self._root, self._judge = root, judge

    def run(self, context: JobContext) -> JobResult:
        workplace = self._root.workplace(context.job_id)
        try:
            done = self._process(context, workplace)
            kept = context.step("publish", lambda: self._publish(context.job_id, workplace, done))
        finally:
            shutil.rmtree(workplace, ignore_errors=True)
        for file in kept["results"]["files"]:
            self._root.result(context.job_id, file["name"])
        metrics = FileProcessingMetrics.model_validate(kept["metrics"])

        def measured(unit: UnitOfWork) -> None:
            unit.files.measured(context.job_id, metrics, unit.now())

        return JobResult(kept["results"], kept["metrics"], measured)

    def _process(self, context: JobContext, workplace: Path) -> Processed:
        request = context.request
        return process_file(
            self._root.file(request["file"]),
            workplace,
            tuple(UseCase(name) for name in request["use_cases"]),
            self._reference(request["reference"]),
            progress=lambda _stage, share: context.progress(_PROCESSED * share),
            judge=self._judge,
        )

    def _reference(self, name: str | None) -> Path | None:
        if name is None:
            return None
        try:
            return self._root.file(name)
        except UnreadableFileError as exc:
            raise ConfigurationError(f"the reference: {exc}") from exc

    def _publish(self, job_id: str, workplace: Path, done: Processed) -> Mapping[str, Any]:
        """Again after a crash, the same results take the place of the first ones."""
        self._root.publish(workplace, job_id)
        issues = [issue.model_dump(mode="json") for issue in done.report.issues[:_MOST_ISSUES]]
        return {
            "results": {**done.results.model_dump(mode="json"), "issues": issues},
            "metrics": done.metrics.model_dump(mode="json"),
        }
