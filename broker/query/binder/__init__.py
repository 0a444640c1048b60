"""The binder: turns parsed queries into relations of rows and groups, with their aggregates, windows and subqueries."""
