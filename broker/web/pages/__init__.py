"""The pages: one module for what somebody does in one place; templates are beside them."""
