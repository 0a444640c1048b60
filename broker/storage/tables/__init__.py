"""The tables of the store: columns, keys and checks. No queries. Every state and closed word has a CHECK; what must be
unique is unique here, not only in code. A change here needs a migration: a test compares the two.

Foreign keys name tables of other modules, so all of them stand in the metadata as soon as one is asked for.
"""

from broker.storage.tables import administration_tables, job_tables

__all__ = ["administration_tables", "job_tables"]
