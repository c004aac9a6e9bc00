import { homedir } from 'node:os';
import { join } from 'node:path';

/** What decides where a user's data lie. */
export interface Surroundings {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

/**
 * The folder for what outlives a run and belongs to the user alone: keys, certificates, paired
 * devices. `TANDEM_HOME` names another.
 */
export function homeFolder(
  { platform, env, home }: Surroundings = {
    platform: process.platform,
    env: process.env,
    home: homedir(),
  },
): string {
  if (env['TANDEM_HOME']) return env['TANDEM_HOME'];
  switch (platform) {
    case 'darwin':
      return join(home, 'Library', 'Application Support', 'Tandem');
    case 'win32':
      return join(env['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'), 'Tandem');
    default:
      return join(env['XDG_DATA_HOME'] ?? join(home, '.local', 'share'), 'tandem');
  }
}
