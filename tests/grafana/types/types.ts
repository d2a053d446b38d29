// What of Grafana's own types the dashboard consists of, so that one JSON Schema can be made of it.
import type { Dashboard, FieldConfig } from '@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import type { Options as StatOptions } from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type * as StateTimeline from '@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen';
import type * as Table from '@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import type * as TimeSeries from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

export interface Types {
  dashboard: Dashboard;
  field: FieldConfig;
  options: {
    stat: StatOptions;
    'state-timeline': StateTimeline.Options;
    table: Table.Options;
    timeseries: TimeSeries.Options;
  };
  // Partly: a field says only what differs.
  custom: {
    'state-timeline': Partial<StateTimeline.FieldConfig>;
    table: Partial<Table.FieldConfig>;
    timeseries: Partial<TimeSeries.FieldConfig>;
  };
}
