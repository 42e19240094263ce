-- Which transactions of the SOAP doors an instance answers (X1, X3). Registration from outside (ITI-42, 61) is off unless it is asked for.
alter table control.tenant add column transactions text[] not null
  default '{ITI-18,ITI-38,ITI-39,ITI-41,ITI-43,ITI-51,ITI-57,ITI-62,ITI-86,ITI-92}';
