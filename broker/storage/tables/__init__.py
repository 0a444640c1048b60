"""Tables of the store: columns, keys and checks. No queries. Every column of states or other fixed words has a CHECK,
and every unique value a constraint, not only code. A new store is made from these tables, and a change here needs a
revision for stores that exist.

Foreign keys name tables of other modules, so importing one module adds all tables to the metadata.
"""

from broker.storage.tables import administration_tables, job_tables

__all__ = ["administration_tables", "job_tables"]
