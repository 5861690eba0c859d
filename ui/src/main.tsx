import { render } from 'preact';

import './style/tokens.css';
import './style/base.css';
import './style/shell.css';
import './style/components.css';
import './style/overview.css';
import './style/phone.css';
import './lib/settings';
import { App } from './app';

render(<App />, document.getElementById('app')!);
