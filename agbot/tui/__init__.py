"""The Textual terminal dashboard, a client of the monitor's dashboard socket."""
