#!/bin/sh
# Installs what `make demo` and `make test` need and is not there yet: PostgreSQL, ClamAV, a C compiler for the race detector, curl and
# xmllint from Debian's packages, versitygw and staticcheck at pinned versions into the checkout's bin folder. Says what it will do before it does it.
#
# It leaves no system service running or enabled and no database cluster made: the dev stack starts the programs itself, in a
# folder of its own. What is installed already is left as it is. Nothing missing: under half a second, no network, no root.
set -eu

VERSITYGW=github.com/versity/versitygw
VERSITYGW_VERSION=v1.8.0
STATICCHECK=honnef.co/go/tools
STATICCHECK_VERSION=v0.8.2

checkout=$(cd "$(dirname "$0")/.." && pwd)
bin=$checkout/bin
policy=/usr/sbin/policy-rc.d
policy_made=

say() { printf 'setup: %s\n' "$*"; }

fail() {
	printf 'setup: cannot go on: %s\n' "$*" >&2
	exit 1
}

# as_root runs a command as root: directly, or with sudo.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 "$@" >&2; }

# has reports whether one of the files of a pattern is there.
has() {
	for file in "$@"; do
		if [ -x "$file" ]; then return 0; fi
	done
	return 1
}

has_postgres() { has /usr/lib/postgresql/*/bin/initdb; }
has_clamd() { has /usr/sbin/clamd /usr/local/sbin/clamd; }
# The race detector needs a C compiler with its headers.
has_compiler() { command -v "$(go env CC)" >/dev/null && [ -e /usr/include/stdlib.h ]; }
has_curl() { command -v curl >/dev/null; }
has_xmllint() { command -v xmllint >/dev/null; }

# may_install stops before anything is changed when packages cannot be installed here.
may_install() {
	if [ ! -r /etc/debian_version ] || ! command -v apt-get >/dev/null; then
		fail "this is not Debian. Install PostgreSQL 15 or later (under /usr/lib/postgresql/VERSION/bin) and clamd yourself, then run this again."
	fi
	if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
		fail "installing $1 needs root: install sudo, or run 'sh deploy/setup.sh' once as root."
	fi
}

# quiet_services keeps packages from starting services while they are installed. A policy that is there already belongs to
# somebody else and is kept.
quiet_services() {
	if [ -e "$policy" ]; then return; fi
	policy_made=yes
	printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
	as_root chmod 755 "$policy"
}

restore_services() {
	if [ -n "$policy_made" ]; then as_root rm -f "$policy"; fi
	policy_made=
}

# disable keeps services that came with packages installed here from starting at the next boot.
disable() {
	if ! command -v systemctl >/dev/null; then return; fi
	for unit in "$@"; do
		as_root systemctl disable --quiet "$unit" >/dev/null 2>&1 || true
		if [ -d /run/systemd/system ]; then as_root systemctl stop --quiet "$unit" >/dev/null 2>&1 || true; fi
	done
}

# no_main_cluster must be said before the server package is installed, which would make and start a cluster.
no_main_cluster() {
	conf=/etc/postgresql-common/createcluster.conf
	if grep -Eq '^[[:space:]]*create_main_cluster[[:space:]]*=[[:space:]]*(false|off|no|0)' "$conf" 2>/dev/null; then return; fi
	if [ -e "$conf" ]; then as_root sed -i 's/^[[:space:]]*create_main_cluster/#&/' "$conf"; fi
	printf '# by deploy/setup.sh of dokumentlager\ncreate_main_cluster = false\n' | as_root tee -a "$conf" >/dev/null
}

install_packages() {
	wanted=
	has_postgres || wanted="postgresql"
	has_clamd || wanted="$wanted clamav-daemon"
	has_compiler || wanted="$wanted gcc libc6-dev"
	has_curl || wanted="$wanted curl"
	has_xmllint || wanted="$wanted libxml2-utils"
	wanted=${wanted# }
	if [ -z "$wanted" ]; then return; fi
	may_install "$wanted"
	say "will install the Debian packages: $wanted (about 30 MB; no service is started, no database cluster is made)"
	trap restore_services EXIT
	trap 'exit 130' HUP INT TERM
	quiet_services
	apt update || fail "apt-get update failed, see above."
	if ! has_postgres; then
		apt install --no-install-recommends postgresql-common || fail "postgresql-common could not be installed, see above."
		no_main_cluster
		apt install --no-install-recommends postgresql || fail "postgresql could not be installed, see above."
		disable postgresql.service
	fi
	if ! has_clamd; then
		apt install --no-install-recommends clamav-daemon || fail "clamav-daemon could not be installed, see above."
		disable clamav-daemon.socket clamav-daemon.service clamav-freshclam.service
	fi
	has_compiler || apt install --no-install-recommends gcc libc6-dev || fail "gcc could not be installed, see above."
	has_curl || apt install --no-install-recommends curl || fail "curl could not be installed, see above."
	has_xmllint || apt install --no-install-recommends libxml2-utils || fail "libxml2-utils (xmllint) could not be installed, see above."
	restore_services
}

# program MODULE VERSION PACKAGE installs a Go program unless bin has it at that version.
program() {
	name=${3##*/}
	if [ -x "$bin/$name" ] && go version -m "$bin/$name" 2>/dev/null | grep -q "	mod	$1	$2	"; then
		say "$name $2: there"
		return
	fi
	say "will build $name $2 into bin/ (the first time takes a minute or two)"
	GOBIN=$bin go install -trimpath "$3@$2" || fail "$name $2 could not be built, see above."
	say "$name $2: installed"
}

command -v go >/dev/null || fail "Go is not there: install Go 1.26 or later, see https://go.dev/dl."

install_packages
has_postgres || fail "PostgreSQL was installed, but no /usr/lib/postgresql/VERSION/bin is there."
has_clamd || fail "clamav-daemon was installed, but /usr/sbin/clamd is not there."
say "PostgreSQL server: there"
say "clamd: there"
mkdir -p "$bin"
program "$VERSITYGW" "$VERSITYGW_VERSION" "$VERSITYGW/cmd/versitygw"
program "$STATICCHECK" "$STATICCHECK_VERSION" "$STATICCHECK/cmd/staticcheck"
