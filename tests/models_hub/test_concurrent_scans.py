"""Two scans at once, as beat and an administrator start them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from django.db import connection

from models_hub.models import ModelFile, ScanIssue
from models_hub.services import ScanResult, library_scan
from tests.models_hub.making import safetensors_write


@pytest.mark.django_db(transaction=True)
def test_two_scans_at_once_agree(library: Path, shipped: Path) -> None:
    for number in range(6):
        safetensors_write(library / f"m{number}.safetensors", fill=number)
        (library / f"bad{number}.ckpt").write_bytes(b"x")
    start = Barrier(3)

    def scan() -> ScanResult:
        try:
            start.wait(timeout=10)
            return library_scan(builtin_root=shipped)
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        results = [future.result(timeout=60) for future in [pool.submit(scan) for _ in range(3)]]
    assert sorted(ModelFile.objects.values_list("name", flat=True)) == [f"m{number}" for number in range(6)]
    assert ModelFile.objects.filter(is_default=True, missing_since=None).count() == 1
    assert not ModelFile.objects.exclude(missing_since=None).exists()
    assert ScanIssue.objects.count() == 6
    assert all(len(result.refused) == 6 for result in results)
