"""Database designs: one package for each, behind one interface. Nothing outside a design's package names it."""
