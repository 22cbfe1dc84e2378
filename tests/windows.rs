//! The program for Windows, which `make windows` builds, under Wine: as a worker, behind an OpenSSH
//! server with Windows' shell, as an administrator's tool, and its other commands beside those of Linux's
//! program; and wheels, in a Python for Windows.

mod administrator;
mod commands;
mod ssh;
mod wheels;
mod wine;
mod worker;
