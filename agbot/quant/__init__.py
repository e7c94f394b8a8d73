"""Risk and valuation, pure: formulas with their source, units and signs. Losses are positive; time is in years.

Floats are for statistics only: money that is booked stays in integers elsewhere.
"""
