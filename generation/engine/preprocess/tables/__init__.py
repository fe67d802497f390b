"""The lines of the catalog, by what the maps show. Needs no torch."""
