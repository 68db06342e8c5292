//! Builds again when a migration is added: `sqlx::migrate!` sees only changes of files that it knows.
fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
