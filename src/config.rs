//! Every setting of the server: its key, flag, variable and default.
