#!/usr/bin/env bash
# Builds what is published, into target/release-archives: for each architecture one tar with the binary, its models and notices,
# manual pages, completions and the systemd unit, and one file with all checksums. The binary is linked against the C library of
# Debian 11, so that it runs there and on whatever is newer.
#
#     infra/release.sh [x86_64] [arm64]     both, if none is named
set -euo pipefail
cd "$(dirname "$0")/.."

GLIBC=2.31
MAX_BYTES=20000000
tools=target/release-tools
archives=target/release-archives
version=$(cargo pkgid --package labelcast | sed 's/.*[#@]//')
released=$(git log -1 --format=%cI 2>/dev/null || date -u +%FT%TZ)

if ! cmp -s infra/release-requirements.txt "$tools/requirements.txt"; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --requirement infra/release-requirements.txt
    cp infra/release-requirements.txt "$tools/requirements.txt"
fi
[ -f web/dist/index.html ] || { echo "the web app is not built: run \`make web\` first" >&2; exit 1; }
for model in efficientnet-lite0 open-nsfw; do
    [ -f "target/models/$model/model.onnx" ] || { echo "the models are not made: run \`make models\` first" >&2; exit 1; }
done

rust_name() { case $1 in arm64) echo aarch64 ;; x86_64) echo x86_64 ;; *) echo "no such architecture: $1" >&2; exit 2 ;; esac; }

# A binary of this or, through QEMU, of the other architecture.
run() { # ARCHITECTURE, command
    local rust
    rust=$(rust_name "$1")
    if [ "$rust" = "$(uname -m)" ]; then "${@:2}"; else "qemu-$rust-static" -L "/usr/$rust-linux-gnu" "${@:2}"; fi
}

can_run() { # ARCHITECTURE
    local rust
    rust=$(rust_name "$1")
    [ "$rust" = "$(uname -m)" ] || { command -v "qemu-$rust-static" && [ -d "/usr/$rust-linux-gnu" ]; } >/dev/null
}

build() { # ARCHITECTURE
    local target
    target=$(rust_name "$1")-unknown-linux-gnu
    rustup target list --installed 2>/dev/null | grep -qx "$target" || rustup target add "$target"
    PATH="$PWD/$tools/bin:$PATH" cargo zigbuild --locked --release --package labelcast --target "$target.$GLIBC"
}

binary() { echo "${CARGO_TARGET_DIR:-target}/$(rust_name "$1")-unknown-linux-gnu/release/labelcast"; }

check() { # ARCHITECTURE
    local file needed bytes says commit
    file=$(binary "$1")
    needed=$(grep -aoE 'GLIBC_[0-9]+\.[0-9.]+' "$file" | sed 's/GLIBC_//' | sort -V | tail -1)
    [ "$(printf '%s\n' "$needed" "$GLIBC" | sort -V | tail -1)" = "$GLIBC" ] || {
        echo "$file needs glibc $needed; it has to run with $GLIBC" >&2
        exit 1
    }
    bytes=$(stat -c %s "$file")
    [ "$bytes" -lt $MAX_BYTES ] || { echo "$file has $bytes bytes; $MAX_BYTES is the most" >&2; exit 1; }
    if readelf --wide --sections "$file" | grep -qE ' \.(symtab|debug_info) '; then
        echo "$file is not stripped" >&2
        exit 1
    fi
    if can_run "$1"; then
        says=$(run "$1" "$file" --version)
        commit=$(git log -1 --format='%h %cs' --abbrev=7)
        [ "$says" = "labelcast $version ($commit)" ] || { echo "$file says \"$says\", not its version and commit" >&2; exit 1; }
        echo "$1: $says, $bytes bytes, glibc $needed"
    else
        echo "$1: $bytes bytes, glibc $needed; not run, as qemu-user-static, libc6-arm64-cross and libgcc-s1-arm64-cross are not installed"
    fi
}

archive() { # ARCHITECTURE, of which architecture the binary is that writes what goes beside it
    local name folder writer
    name=labelcast-$version-linux-$1
    folder=$archives/$name
    writer=$(binary "$2")
    mkdir -p "$folder/man/man1" "$folder/completions" "$folder/systemd"
    install -m 0755 "$(binary "$1")" "$folder/labelcast"
    install -m 0644 README.md CHANGELOG.md LICENSE-MIT THIRD-PARTY-NOTICES.txt "$folder"
    for model in target/models/*/; do
        install -D -m 0644 -t "$folder/models/$(basename "$model")" "$model"*
    done
    install -m 0644 infra/systemd/labelcast.service infra/systemd/labelcast.sysusers "$folder/systemd"
    run "$2" "$writer" manual "$folder/man/man1"
    run "$2" "$writer" completions bash >"$folder/completions/labelcast.bash"
    run "$2" "$writer" completions zsh >"$folder/completions/_labelcast"
    run "$2" "$writer" completions fish >"$folder/completions/labelcast.fish"
    # The same commit gives the same archive.
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="$released" -C "$archives" -cf - "$name" | gzip -n9 >"$archives/$name.tar.gz"
    rm -r "$folder"
}

architectures=("$@")
[ $# -gt 0 ] || architectures=(x86_64 arm64)
for architecture in "${architectures[@]}"; do rust_name "$architecture" >/dev/null; done
rm -rf "$archives"
mkdir -p "$archives"
for architecture in "${architectures[@]}"; do
    build "$architecture"
    check "$architecture"
done
writer=
for architecture in "${architectures[@]}"; do
    if [ "$(rust_name "$architecture")" = "$(uname -m)" ] || { [ -z "$writer" ] && can_run "$architecture"; }; then writer=$architecture; fi
done
[ -n "$writer" ] || { echo "none of ${architectures[*]} can be run here, so there are no manual pages" >&2; exit 1; }
for architecture in "${architectures[@]}"; do archive "$architecture" "$writer"; done
(cd "$archives" && sha256sum -- *.tar.gz >SHA256SUMS)
ls -l "$archives"
