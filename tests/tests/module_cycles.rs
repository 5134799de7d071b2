//! Modules of a folder import each other in one direction only, so that a reader can start at the bottom.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fancy_regex::Regex;

/// A module by its path from the root of its crate: `["images", "search"]`.
type Module = Vec<String>;

/// Which modules of a folder import which others of it, and a file that does.
type Imports = BTreeMap<Module, BTreeMap<Module, String>>;

const CRATES: [&str; 7] =
    ["functions", "infra/aws", "infra/detectors", "infra/events", "infra/local", "infra/web", "tests"];

#[test]
fn no_modules_import_each_other_in_a_circle() {
    for name in CRATES {
        let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src"));
        assert!(!sources.is_empty(), "{name} has no sources");
        let circle = circle(&imports(&sources));
        assert!(circle.is_none(), "{name}: modules import each other in a circle: {}", circle.unwrap_or_default());
    }
}

#[test]
fn a_circle_is_named_with_the_files_that_make_it() {
    let source = |path: &str, text: &str| (path.split('/').map(str::to_owned).collect(), text.to_owned());
    let sources = |last: &str| {
        BTreeMap::from([
            source("a", ""),
            source("a/one", "use crate::b::two::Thing;"),
            source("b", ""),
            source("b/two", "fn f() { crate::c::g() } // crate::a"),
            source("c", last),
        ])
    };
    assert_eq!(circle(&imports(&sources("#[cfg(test)]\nmod tests {\n    use crate::a::one;\n}"))), None);
    assert_eq!(
        circle(&imports(&sources("use crate::{b, a::one};"))).as_deref(),
        Some("a (a/one) → b (b/two) → c (c) → a")
    );
    assert_eq!(
        circle(&imports(&BTreeMap::from([
            source("a", ""),
            source("a/x", "use super::y;"),
            source("a/y", "use crate::a::x::Z;")
        ])))
        .as_deref(),
        Some("a/x (a/x) → a/y (a/y) → a/x")
    );
}

/// The text of every module of a crate. Test modules are left out: they may use anything.
fn sources(root: &Path) -> BTreeMap<Module, String> {
    let mut folders = vec![root.to_owned()];
    let mut found = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let module = module(root, &path);
                if !module.is_empty() && !module.iter().any(|name| name == "tests" || name == "bin") {
                    found.insert(module, fs::read_to_string(&path).unwrap());
                }
            }
        }
    }
    found
}

fn module(root: &Path, file: &Path) -> Module {
    let path: PathBuf = file.strip_prefix(root).unwrap().with_extension("");
    let mut names: Module = path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|name| matches!(name.as_str(), "mod" | "lib" | "main")) {
        names.pop();
    }
    names
}

fn imports(sources: &BTreeMap<Module, String>) -> Imports {
    let comment = Regex::new(r"//.*").unwrap();
    let tests = Regex::new(r"(?s)#\[cfg\(test\)\]\s*mod \w+ \{.*").unwrap();
    let group = Regex::new(r"(?s)\b((?:crate|super)(?:::\w+)*)::\{([^;]*)\};").unwrap();
    let path = Regex::new(r"\b(?:crate|super)(?:::\w+)+").unwrap();
    let mut imports = Imports::new();
    for (module, text) in sources {
        let text = tests.replace_all(text.as_str(), "");
        let text = comment.replace_all(text.as_ref(), "");
        let text: &str = &text;
        let grouped = group.captures_iter(text).map(Result::unwrap).flat_map(|found| {
            let names = found[2].split([',', '{', '}']).map(str::trim).filter(|name| !name.is_empty());
            names.map(|name| format!("{}::{name}", &found[1])).collect::<Vec<_>>()
        });
        let plain = path.find_iter(text).map(|found| found.unwrap().as_str().to_owned());
        for used in plain.chain(grouped) {
            let target = resolved(module, &used, sources);
            let shared = module.iter().zip(&target).take_while(|(one, other)| one == other).count();
            // Whoever uses what is above or below it in its own branch is no neighbour of it.
            if shared < module.len() && shared < target.len() {
                let neighbours = imports.entry(module[..=shared].to_vec()).or_default();
                neighbours.entry(target[..=shared].to_vec()).or_insert_with(|| module.join("/"));
            }
        }
    }
    imports
}

/// The module that a path leads into; empty where it names something of the crate's root.
fn resolved(module: &[String], path: &str, sources: &BTreeMap<Module, String>) -> Module {
    let mut names = path.split("::").map(str::to_owned);
    let mut target =
        if names.next().as_deref() == Some("crate") { Vec::new() } else { module[..module.len() - 1].to_vec() };
    target.extend(names);
    while !target.is_empty() && !sources.contains_key(&target) {
        target.pop();
    }
    target
}

/// The first circle, in words.
fn circle(imports: &Imports) -> Option<String> {
    let mut finished = BTreeSet::new();
    imports.keys().find_map(|module| follow(module, imports, &mut Vec::new(), &mut finished))
}

fn follow<'a>(
    module: &'a Module,
    imports: &'a Imports,
    way: &mut Vec<&'a Module>,
    finished: &mut BTreeSet<&'a Module>,
) -> Option<String> {
    if let Some(begin) = way.iter().position(|passed| *passed == module) {
        let circle = way[begin..].iter().zip(way[begin + 1..].iter().copied().chain([module]));
        let steps = circle.map(|(from, to)| format!("{} ({}) → ", from.join("/"), imports[*from][to]));
        return Some(steps.collect::<String>() + &module.join("/"));
    }
    if !finished.contains(module) {
        way.push(module);
        let found =
            imports.get(module).and_then(|used| used.keys().find_map(|next| follow(next, imports, way, finished)));
        if found.is_some() {
            return found;
        }
        way.pop();
        finished.insert(module);
    }
    None
}
