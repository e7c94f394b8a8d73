"""The CLOB as REST: keys, signatures, limits, and every route."""
