"""The binder: parsed queries to relations of rows and groups, with their aggregates, windows and subqueries."""
