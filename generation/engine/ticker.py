"""One denoiser call after another: whose turn it is, and what happens when a call goes wrong."""

import logging
from collections.abc import Mapping, Sequence

import torch

from generation.engine.denoiser import Prediction, predict
from generation.engine.devices import is_out_of_memory, memory_retry
from generation.engine.metering import Meter
from generation.engine.model_cache import ModelCache
from generation.engine.placement import Placement
from generation.engine.rows import BUCKETS, BatchKey, Row, bucket_for, choose
from generation.engine.run import Run
from generation.engine.spec import EngineConfig

logger = logging.getLogger(__name__)


class Ticker:
    """Gives every group of rows its turn. Belongs to the device thread."""

    def __init__(self, config: EngineConfig, cache: ModelCache, placement: Placement, meter: Meter) -> None:
        self._config = config
        self._meter = meter
        self._placement = placement
        self._cache = cache
        self._most = min(config.max_rows, BUCKETS[-1])
        self._turns: dict[BatchKey, int] = {}
        """The last tick of each group that still has rows."""
        self._limits: dict[BatchKey, int] = {}
        """The largest bucket that fits into memory, for groups in which a larger one did not."""
        self.ticks = 0
        self.rows_denoised = 0

    def tick(self, runs: Sequence[Run]) -> bool:
        """Make one denoiser call for the group whose turn it is; False when there is nothing to denoise."""
        owners = {row: run for run in runs for row in run.rows if not row.resting}
        groups: dict[BatchKey, list[Row]] = {}
        for row in owners:
            groups.setdefault(row.key, []).append(row)
        self._turns = {key: turn for key, turn in self._turns.items() if key in groups}
        self._limits = {key: limit for key, limit in self._limits.items() if key in groups}
        if not groups:
            return False
        # The group served longest ago; among new ones the first to arrive.
        key = min(groups, key=lambda key: self._turns.get(key, -1))
        self._turns[key] = self.ticks
        chosen = choose(groups[key], min(self._most, self._room(key)))
        with self._meter.measured([owners[row].use for row in chosen], tick=True):
            self._denoise(key, {row: owners[row] for row in chosen})
        return True

    def _denoise(self, key: BatchKey, owners: dict[Row, Run]) -> None:
        inputs: dict[Row, torch.Tensor] = {}
        for row, run in owners.items():
            with run.guarded("sampling"):
                inputs[row] = row.model_input()
        rows = [row for row in inputs if not owners[row].ended]
        if not rows:
            return
        bucket = bucket_for(len(rows), min(self._config.min_bucket, self._room(key)))
        predictions = self._predict(rows, [inputs[row] for row in rows], bucket, owners)
        if predictions is None:
            return
        self.ticks += 1
        self.rows_denoised += len(rows)
        present = list(dict.fromkeys(owners[row] for row in rows))
        watched = {run for run in present if run.preview_due(self._config.preview_interval)}
        for row, prediction in zip(rows, predictions, strict=True):
            run = owners[row]
            row.buckets.add(bucket)
            row.served = self.ticks
            with run.guarded("sampling"):
                row.advance(prediction, want_x0=run in watched)
        for run in present:
            run.report_denoised(self._config.preview_side if run in watched else 0)

    def _room(self, key: BatchKey) -> int:
        """The largest bucket that rows of ``key`` may fill.

        Composed rows take more than two places each: there are fewer in a tick, so that it needs no more
        memory than one of plain rows. A single row is always let in.
        """
        places = 2 * bucket_for(max(self._most, self._config.min_bucket))
        fitting = [bucket for bucket in BUCKETS if bucket * key.places <= places]
        return min(max(fitting, default=1), self._limits.get(key, BUCKETS[-1]))

    def _predict(
        self, rows: list[Row], inputs: list[torch.Tensor], bucket: int, owners: Mapping[Row, Run]
    ) -> list[Prediction] | None:
        """The rows' predictions, or None after a failure, which has been dealt with."""
        key = rows[0].key
        try:
            checkpoint = self._cache.get(key.checkpoint)
            if checkpoint is None:
                raise RuntimeError(f"a leased model is gone: {key.checkpoint}")
            return memory_retry(
                lambda: predict(checkpoint, rows, inputs, bucket, self._placement), self._cache.evict_idle
            )
        except Exception as error:
            if is_out_of_memory(error) and bucket > 1:
                # No sampler has moved yet, so nothing is lost: the same rows go on in smaller company.
                self._limits[key] = max(smaller for smaller in BUCKETS if smaller < bucket)
                logger.warning("Out of memory with %d rows; going on with %d.", bucket, self._limits[key])
                return None
            for run in {owners[row] for row in rows}:
                run.fail(error, "denoising")
            return None
