//! `fs`: files and directories, without making other tasks wait for the disk.

use filch::fs::{self, File};
use filch::io::BufReader;
use filch::prelude::*;
use std::path::Path;

/// Gives how many lines a file has.
async fn count_lines(path: impl AsRef<Path>) -> std::io::Result<usize> {
    let mut lines = BufReader::new(File::open(path).await?).lines();
    let mut n_lines = 0;
    while lines.next_line().await?.is_some() {
        n_lines += 1;
    }
    Ok(n_lines)
}

#[filch::main]
async fn main() -> Result<(), filch::Error> {
    let folder = std::env::temp_dir().join(format!("filch-16-{}", std::process::id()));
    fs::create_dir_all(folder.join("old")).await?;

    // A whole file at once.
    let path = folder.join("poem.txt");
    fs::write(&path, "Roses are red,\nviolets are blue,\n").await?;
    print!("{}", fs::read_to_string(&path).await?);

    // Piece by piece. Written is what `flush` has waited for.
    let mut file = File::options().append(true).open(&path).await?;
    file.write_all(b"files are slow,\n").await?;
    file.write_all(b"but not for you.\n").await?;
    file.flush().await?;
    println!("it has {} lines", count_lines(&path).await?);

    // At any place, and by several tasks at a time.
    let mut word = [0; 7];
    File::open(&path).await?.read_exact_at(&mut word, 15).await?;
    println!("at byte 15: {}", String::from_utf8_lossy(&word));

    // An error is a value, as everywhere.
    if let Err(error) = fs::read(folder.join("prose.txt")).await {
        println!("no prose: {:?}", error.kind());
    }

    // Many files at once: each waits for its own part of the disk.
    let copies = (1..=3).map(|n| fs::copy(path.clone(), folder.join(format!("old/{n}.txt"))));
    println!("bytes copied: {:?}", try_gather(copies).await?);

    let mut n_found = 0;
    let mut tree = fs::walk_dir(&folder); // What is in it and below it, in no order.
    while let Some(entry) = tree.next().await {
        n_found += usize::from(entry?.file_type().await?.is_file());
    }
    println!("files found: {n_found}");

    fs::remove_dir_all(&folder).await?;
    Ok(())
}
