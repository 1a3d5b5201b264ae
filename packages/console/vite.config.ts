import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const server = 'http://127.0.0.1:3000';

export default defineConfig({
  plugins: [react()],
  build: {
    manifest: true,
    // Inlined files would be data: URLs, which the content security policy does not allow for styles and scripts.
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        // Each visit needs all of both: chunks that are cut smaller by who imports what compress worse.
        codeSplitting: {
          groups: [
            { name: 'react', test: /node_modules\/(react|react-dom|scheduler|i18next|react-i18next)\// },
            { name: 'admin', test: /node_modules\/@tanstack\// },
          ],
        },
      },
    },
  },
  server: {
    proxy: {
      '/api': server,
      '/socket.io': { target: server, ws: true },
    },
  },
});
