//! `modfarm doctor`: what is installed, whether it goes together, and what a log says.

mod installations;
