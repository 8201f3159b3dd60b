//! Ctrl-C and closed pipes: what is finished is saved, and nothing panics.
#![cfg(unix)]

use crate::support::{json, names, shuzi};
use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};
use tempfile::tempdir;

#[test]
fn an_interrupted_training_is_saved() {
    let folder = tempdir().unwrap();
    let arguments = ["train", "--data", "synthetic:2000", "--epochs", "10000", "--out", "run"];
    let mut training =
        shuzi(folder.path(), &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut words = BufReader::new(training.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("epoch 2") {
        line.clear();
        assert!(words.read_line(&mut line).unwrap() > 0, "it ended by itself");
    }
    assert!(Command::new("kill").args(["-INT", &training.id().to_string()]).status().unwrap().success());
    let (mut out, mut rest) = (String::new(), String::new());
    words.read_to_string(&mut rest).unwrap();
    training.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(training.wait().unwrap().code(), Some(130), "{out}{rest}");
    assert!(
        !rest.contains("panicked") && names(&folder.path().join("run")).contains(&"report.html".to_string())
    );
    let evaluated =
        json(folder.path(), &["evaluate", "run", "--data", "synthetic:100", "--out", "evaluated"]);
    assert!(out.contains(evaluated["weights_sha256"].as_str().unwrap()), "{out}");
}

#[test]
fn a_closed_pipe_is_no_accident() {
    let folder = tempdir().unwrap();
    for arguments in
        [&["--help"][..], &["evaluate", "default", "--data", "synthetic:100", "--predictions", "-"]]
    {
        let mut command = shuzi(folder.path(), arguments);
        let mut program = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(program.stdout.take());
        let output = program.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(!words.contains("panicked") && output.status.code().is_some(), "{arguments:?}: {words}");
    }
}
