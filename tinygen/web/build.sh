#!/usr/bin/env bash
# Makes board.min.js from src/ and the npm package avr8js; README.md beside this file says when.
set -eu
cd "$(dirname "$0")"
npm install --no-package-lock --no-audit --no-fund --silent
cp node_modules/avr8js/LICENSE avr8js.LICENSE
sources=$(cat src/*.js package.json | sha256sum | cut -d ' ' -f 1)
banner="/* tinygen's board in the page (MIT), with avr8js $(node -p "require('./node_modules/avr8js/package.json').version"):
$(cat avr8js.LICENSE)
sources $sources */"
node_modules/.bin/esbuild src/page.js --bundle --minify --format=iife --target=es2020 --charset=ascii \
    --legal-comments=none --banner:js="$banner" --outfile=board.min.js
