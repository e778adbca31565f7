//! Replays the fuzzer's corpus: what was found once stays found.

use crate::oracle;
use std::fs;
use std::path::Path;

#[test]
fn every_file_keeps_the_promises() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/parser");
    let mut files = 0;
    for entry in fs::read_dir(&corpus).expect("the corpus is part of the repository") {
        let path = entry.unwrap().path();
        #[expect(clippy::disallowed_methods, reason = "the corpus is in files")]
        let bytes = fs::read(&path).unwrap();
        println!("{}", path.display());
        let (sizes, stream) = oracle::split(&bytes);
        oracle::check(stream, &sizes);
        files += 1;
    }
    assert!(files >= 10, "only {files} files in {}", corpus.display());
}
