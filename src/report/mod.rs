//! A stored run -> summary, tables and pages.
