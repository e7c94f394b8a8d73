"""Test vectors made elsewhere, computed again here: signatures, amounts, fees, addresses."""
