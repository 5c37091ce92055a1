"""The fairness audit: who is answered worse, by how much, and whether that is more than chance.

from hilum import bench
found = bench.audit(model, shards)
bench.write_audit(found, "audit")        # audit/audit.html, audit/audit.json
"""

from hilum.bench.audit.result import Audit
from hilum.bench.audit.run import audit

__all__ = ["Audit", "audit"]
