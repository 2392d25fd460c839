#!/usr/bin/env bash
# Makes ../tinygen/report/page/web/board.min.js from src/ and the npm package avr8js; README.md beside this file says when.
set -eu
cd "$(dirname "$0")"
npm install --no-package-lock --no-audit --no-fund --silent
out=../tinygen/report/page/web
cp node_modules/avr8js/LICENSE $out/avr8js.LICENSE
sources=$(cat src/*.js package.json | sha256sum | cut -d ' ' -f 1)
banner="/* tinygen's board in the page (MIT), with avr8js $(node -p "require('./node_modules/avr8js/package.json').version"):
$(cat $out/avr8js.LICENSE)
sources $sources */"
node_modules/.bin/esbuild src/page.js --bundle --minify --format=iife --target=es2020 --charset=ascii \
    --legal-comments=none --banner:js="$banner" --outfile=$out/board.min.js
