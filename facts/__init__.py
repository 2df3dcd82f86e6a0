"""
What a host is like. Facts only read; a `parse_…` function takes the lines that a fact's command
prints, and raises FactProcessError if it cannot read them.
"""
