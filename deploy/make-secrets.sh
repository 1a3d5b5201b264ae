#!/bin/sh
# Makes deploy/secrets for compose.yaml, once: what is there already stays. Keep a copy elsewhere; without pii_keys personal data is lost.
set -eu
cd "$(dirname "$0")"
mkdir -p secrets
# The folder keeps others out; the files are read in the containers by users of other numbers.
chmod 0700 secrets
umask 0022

make() {
  if [ ! -e "secrets/$1" ]; then printf '%s' "$2" > "secrets/$1"; fi
}

make jwt_secret "$(openssl rand -base64 64 | tr -d '\n')"
make pii_keys "k1:$(openssl rand -base64 32)"
make metrics_token "$(openssl rand -hex 32)"
make db_password "$(openssl rand -hex 24)"
make redis_url "redis://:$(openssl rand -hex 24)@redis:6379"
make admin_password "$(openssl rand -base64 18)"
echo "The secrets are in $(pwd)/secrets; the administrator's password is in admin_password."
