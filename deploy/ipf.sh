#!/bin/sh
# Builds the Java client of `make conformance` into build/ipf, once: IPF from Maven Central at the version that internal/conformance/ipf/pom.xml pins, with
# checksums checked. Says what it will do before it does it.
#
# It installs nothing outside build/. Without a JDK (17 or later), or when it was never built and Maven is not there or cannot reach Maven Central, it says so
# and leaves build/ipf/ready away: then no other program speaks with the service in the conformance run.
set -eu

checkout=$(cd "$(dirname "$0")/.." && pwd)
source=$checkout/internal/conformance/ipf
target=$checkout/build/ipf

say() { printf 'conformance: %s\n' "$*"; }

without() {
	say "$*"
	say "IPF does not speak with the service in this run."
	rm -f "$target/ready"
	exit 0
}

# newer reports whether something of the source has changed since the client was built.
newer() { [ -n "$(find "$source" -type f -newer "$target/ready" 2>/dev/null)" ]; }

command -v java >/dev/null || without "Java is not there (Debian: openjdk-17-jre-headless)."
if [ -e "$target/ready" ] && ! newer; then
	say "IPF client: there"
	exit 0
fi
command -v javac >/dev/null && command -v mvn >/dev/null || without "a JDK or Maven is not there (Debian: openjdk-17-jdk-headless maven)."
say "will build the IPF client into build/ipf; the first time it fetches 60 MB from Maven Central into build/maven"
mvn -q -B -C -f "$source/pom.xml" -Dmaven.repo.local="$checkout/build/maven" package || without "Maven could not build the IPF client, see above."
touch "$target/ready"
say "IPF client: built"
