//! The program for Windows, which `make windows` builds, under Wine: as a worker, behind an OpenSSH
//! server with Windows' shell, as an administrator's tool, with Microsoft's compilers, and its other
//! commands beside those of Linux's program; and wheels, in a Python for Windows.

mod administrator;
mod by_hand;
mod commands;
mod msvc;
mod ssh;
mod wheels;
mod wine;
mod worker;
